"""What the database holds of records that are cited."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from moe_kb.db.reader import Reader


@dataclass(frozen=True, slots=True)
class Cited:
    """What an entry is made from."""

    content: str
    """The record as stored (JSON)."""
    venue: str | None = None
    """The preferred claim on where it appeared."""
    venue_year: str | None = None
    """The year of publication that the same source gives."""
    authors: tuple[tuple[str, ...], ...] = ()
    """The lists of authors that sources give."""


def cited(reader: Reader, records: Iterable[str]) -> dict[str, Cited]:
    """What is cited, by full name; a source that is a paper is cited as that paper."""
    found: dict[str, Cited] = {}
    for record in records:
        paper = reader.value("SELECT json_extract(content, '$.paper') FROM records WHERE record = ?", (record,))
        name = f"paper:{paper}" if paper and record.startswith("source:") else record
        content = reader.value("SELECT content FROM records WHERE record = ?", (name,))
        if content is not None and name not in found:
            found[name] = Cited(content, *_venue(reader, name), _authors(reader, name))
    return found


def _venue(reader: Reader, record: str) -> tuple[str | None, str | None]:
    """The preferred venue, and the year from the same source."""
    for venue, year in reader.tuples(
        "SELECT v.value, (SELECT y.value FROM claims y WHERE y.subject = v.subject AND y.field = 'year' "
        "AND y.source = v.source ORDER BY y.id) FROM claims v "
        "WHERE v.subject = ? AND v.field = 'venue' AND v.preferred",
        (record,),
    ):
        return venue, year
    return None, None


def _authors(reader: Reader, record: str) -> tuple[tuple[str, ...], ...]:
    lists = reader.values("SELECT value FROM claims WHERE subject = ? AND field = 'authors' ORDER BY id", (record,))
    return tuple(tuple(json.loads(text)) for text in lists if text.startswith("["))
