"""The stored text of what is cited."""

from __future__ import annotations

from collections.abc import Iterable

from moe_kb.db.reader import Reader


def cited(reader: Reader, records: Iterable[str]) -> dict[str, str]:
    """Stored text (JSON) of what is cited, by full name; a source that is a paper is cited as that paper."""
    found: dict[str, str] = {}
    for record in records:
        paper = reader.value("SELECT json_extract(content, '$.paper') FROM records WHERE record = ?", (record,))
        name = f"paper:{paper}" if paper and record.startswith("source:") else record
        content = reader.value("SELECT content FROM records WHERE record = ?", (name,))
        if content is not None:
            found.setdefault(name, content)
    return found
