"""Timelines of models, the records' own and the surveys', and the growth of the literature."""

from __future__ import annotations

import json
from collections.abc import Sequence
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


#: Years before the newest of which halves are told apart, and years before it from which on each has a column.
HALVES, YEARS = 2, 6


def released(reader: Reader) -> list[TimelineModel]:
    """The models of the records that have a release date, by period, within it oldest first.

    Late years are parted into halves; a late model of which the half is not known stands by itself. The years before
    `YEARS` are one period.
    """
    rows = reader.tuples(
        "SELECT name, released, openness, domain, organisation, record FROM models WHERE released IS NOT NULL"
    )
    years = [int(span(date)[0][:4]) for _, date, *_ in rows]
    newest = max(years, default=0)
    early = [year for year in years if year < newest - YEARS]
    found = []
    for name, date, openness, domain, organisation, record in rows:
        about = (openness or NOT_REPORTED, domain or NOT_REPORTED, organisation or NOT_REPORTED)
        found.append(TimelineModel(name, period(date, newest, early), *about, record, name, date))
    found.sort(
        key=lambda model: (model.period.replace("no", "~"), span(model.released or "")[0], model.name.casefold())
    )
    return renamed(reader, found)


def period(released: str, newest: int, early: Sequence[int]) -> str:
    """The column of a release date: a half of a late year, a year, or all `early` years together."""
    first, last = span(released)
    year = int(first[:4])
    if year in early:
        return f"{min(early)}–{max(early)}" if min(early) < max(early) else str(year)
    if year < newest - HALVES:
        return str(year)
    halves = {"Jan. – June" if day[5:7] <= "06" else "July – Dec." for day in (first, last)}
    return f"{year} {halves.pop()}" if first[:4] == last[:4] and len(halves) == 1 else f"{year} no month"


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
