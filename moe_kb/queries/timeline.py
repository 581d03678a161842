"""Timelines of models, the records' own and the surveys', and the growth of the literature."""

from __future__ import annotations

import json
from dataclasses import dataclass

from moe_kb.db.reader import Reader
from moe_kb.fields import NOT_REPORTED
from moe_kb.queries.organisations import renamed
from moe_kb.records.dates import span

TIMELINES = ("timeline-2025", "survey-a-figure-1")


@dataclass(frozen=True, slots=True)
class TimelineModel:
    """A model as a timeline draws it, and the record it is about."""

    label: str
    period: str
    """As printed."""
    openness: str
    domain: str
    organisation: str
    record: str | None
    name: str
    released: str | None
    """The preferred release date of the model as a whole."""


@dataclass(frozen=True, slots=True)
class PapersOfYear:
    """Papers that became public in a year."""

    year: int
    core: int
    """About mixtures of experts."""
    others: int
    """Background and neighbours, here because a survey leans on them."""


def timelines(reader: Reader) -> dict[str, str]:
    """Timelines that this knowledge base holds, newest first, with their titles."""
    titles = dict(
        reader.tuples("SELECT key, coalesce(json_extract(content, '$.title'), name) FROM records WHERE kind = 'table'")
    )
    return {key: titles[key] for key in TIMELINES if key in titles}


def timeline(reader: Reader, table: str) -> list[TimelineModel]:
    """The rows of a timeline in printed order."""
    out = []
    for label, text, record, name, released in reader.tuples(
        "SELECT t.label, t.cells, t.subject, coalesce(r.name, t.label), m.released FROM table_rows t "
        "LEFT JOIN records r ON r.record = t.subject LEFT JOIN models m ON m.record = t.subject "
        "WHERE t.record = ? ORDER BY t.id",
        (f"table:{table}",),
    ):
        cells = {column: _printed(cell) for column, cell in json.loads(text).items()}
        about = [cells.get(column) or NOT_REPORTED for column in ("openness", "domain", "organisation")]
        out.append(TimelineModel(*[label, cells.get("released") or "no date", *about, record, name, released]))
    return renamed(reader, out)


#: Years before the newest in which the records' timeline is drawn by quarters.
QUARTERLY = 2


def released(reader: Reader) -> list[TimelineModel]:
    """The models of the records that have a release date, oldest first.

    Periods are years, of late quarters; of a late model whose quarter is not known the period is the year alone.
    """
    rows = reader.tuples(
        "SELECT name, released, openness, domain, organisation, record FROM models WHERE released IS NOT NULL"
    )
    newest = max((span(released)[0][:4] for _, released, *_ in rows), default="")
    found = []
    for name, date, openness, domain, organisation, record in rows:
        about = (openness or NOT_REPORTED, domain or NOT_REPORTED, organisation or NOT_REPORTED)
        found.append(TimelineModel(name, _period(date, newest), *about, record, name, date))
    # Quarters of a year stand before what is only known to be of that year.
    return renamed(
        reader,
        sorted(found, key=lambda model: (*_order(model.period), span(model.released or "")[0], model.name.casefold())),
    )


def _order(period: str) -> tuple[str, str]:
    year, _, quarter = period.partition(" ")
    return year, quarter or "Q5"


def _period(released: str, newest: str) -> str:
    first, last = span(released)
    quarters = {(int(day[5:7]) + 2) // 3 for day in (first, last)}
    late = int(newest) - int(first[:4]) <= QUARTERLY
    return f"{first[:4]} Q{quarters.pop()}" if late and first[:4] == last[:4] and len(quarters) == 1 else first[:4]


def _printed(cell: str | dict[str, str] | list[str | dict[str, str]]) -> str | None:
    """What stands in a cell: itself, or as printed beside its value; of several the first."""
    first = (cell[0] if cell else None) if isinstance(cell, list) else cell
    return first["printed"] if isinstance(first, dict) else first


def configurations_in(reader: Reader, table: str) -> set[tuple[str, str]]:
    """The models and configurations that the rows of a table (full name) are about."""
    return set(reader.tuples("SELECT subject, configuration FROM table_rows WHERE record = ?", (table,)))


def papers_by_year(reader: Reader) -> list[PapersOfYear]:
    """Papers of each year, the first year first."""
    return reader.all(
        PapersOfYear,
        "SELECT year, sum(scope = 'core') AS core, sum(scope <> 'core') AS others FROM papers "
        "GROUP BY year ORDER BY year",
    )
