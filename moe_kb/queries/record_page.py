"""What a record says of itself, from its stored text: title, summary, properties, equations, steps, rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from moe_kb.db.reader import Reader


@dataclass(frozen=True, slots=True)
class Cited:
    """A source and the place in it."""

    source: str
    locator: str | None


@dataclass(frozen=True, slots=True)
class SourcedText:
    """A text with where it was read."""

    label: str
    text: str
    cites: tuple[Cited, ...]
    derived: bool = False
    details: tuple[str, ...] = ()
    """Lines under it: what symbols mean, steps of an algorithm."""


@dataclass(frozen=True, slots=True)
class RecordPage:
    """A record as a page of text shows it."""

    record: str
    name: str
    year: int | None
    title: str | None
    path: str
    summary: SourcedText | None
    properties: tuple[SourcedText, ...]
    equations: tuple[SourcedText, ...]
    algorithm: SourcedText | None
    placements: tuple[SourcedText, ...]
    """Taxonomy and path of each place that a source gives it."""
    rows: tuple[tuple[str, str], ...]
    """Number and label of a table's rows."""
    implementation: str | None
    """Key of the installed implementation that runs it."""
    content: str
    """The whole record as JSON, defaults left out."""


def record_page(reader: Reader, record: str) -> RecordPage:
    """The page of a record, by its full name."""
    ((name, year, path, text),) = reader.tuples(
        "SELECT name, year, path, content FROM records WHERE record = ?", (record,)
    )
    content = json.loads(text)
    summary, algorithm, key = content.get("summary"), content.get("algorithm"), content.get("implementation")
    return RecordPage(
        record=record,
        name=name,
        year=year,
        title=content.get("title"),
        path=path,
        summary=SourcedText("summary", summary["text"], _cites(summary.get("cites", ()))) if summary else None,
        properties=tuple(_properties(content.get("properties") or {})),
        equations=tuple(
            SourcedText(
                label=equation["label"],
                text=equation["latex"],
                cites=_cites([equation]),
                details=tuple(f"{symbol}: {meaning}" for symbol, meaning in equation.get("legend", {}).items()),
            )
            for equation in content.get("equations", ())
        ),
        algorithm=SourcedText("Steps", "", _cites([algorithm]), details=tuple(algorithm["steps"]))
        if algorithm
        else None,
        placements=tuple(
            SourcedText(taxonomy, node, (Cited(source, locator),), status == "derived")
            for taxonomy, node, status, source, locator in reader.tuples(
                "SELECT taxonomy, node, status, source, locator FROM placements WHERE record = ? ORDER BY 1, 2",
                (record,),
            )
        ),
        rows=tuple(reader.tuples("SELECT row, label FROM table_rows WHERE record = ? ORDER BY rowid", [record])),
        implementation=key if key and reader.value("SELECT 1 FROM implementations WHERE key = ?", (key,)) else None,
        content=text,
    )


def _properties(properties: dict[str, Any]) -> Iterator[SourcedText]:
    for name, sourced in properties.items():
        value = sourced["value"]
        shown = ("yes" if value else "no") if isinstance(value, bool) else str(value)
        yield SourcedText(name, shown, _cites([sourced]), derived=sourced.get("status") == "derived")


def _cites(places: Any) -> tuple[Cited, ...]:
    return tuple(Cited(place["source"], place.get("locator")) for place in places)
