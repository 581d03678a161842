"""The stored text of what is cited."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from moe_kb.db.reader import Reader


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as the database keeps it."""

    record: str
    """Full name."""
    content: str
    """JSON, defaults left out."""


def cited(reader: Reader, records: Iterable[str]) -> list[StoredRecord]:
    """Records (by full name) as they are cited, each once: a source that is a paper is cited as that paper."""
    found: dict[str, StoredRecord] = {}
    for record in records:
        paper = reader.value("SELECT json_extract(content, '$.paper') FROM records WHERE record = ?", (record,))
        name = f"paper:{paper}" if paper and record.startswith("source:") else record
        row = reader.first(StoredRecord, "SELECT record, content FROM records WHERE record = ?", (name,))
        if row is not None:
            found.setdefault(name, row)
    return list(found.values())
