"""The whole database as files, with a data dictionary beside them."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moe_kb.errors import MoeKbError

if TYPE_CHECKING:
    from moe_kb.kb import KnowledgeBase

FORMATS = ("csv", "json", "parquet", "bibtex")
_INTERNAL = ("search", "search_names", "folded_names", "files", "record_references", "node_ancestors")


def export(kb: KnowledgeBase, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write every table and view in each format.

    Args:
        kb: The knowledge base.
        folder: Made if absent; files of the same names are replaced, others are left alone.
        formats: Any of csv, json, parquet, bibtex.

    Returns:
        The files written, data dictionary included.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise MoeKbError(f"unknown format {', '.join(unknown) or '(none)'}. Use any of: {', '.join(FORMATS)}.")
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    tables = [
        row["table_name"]
        for row in kb.rows("SELECT table_name FROM dictionary WHERE column_name = '' ORDER BY kind, table_name")
        if row["table_name"] not in _INTERNAL
    ]
    for table in tables:
        rows = kb.rows(f'SELECT * FROM "{table}"')
        columns = [row["name"] for row in kb.rows(f'SELECT name FROM pragma_table_info("{table}")')]
        for form in formats:
            if form == "bibtex":
                continue
            path = folder / f"{table}.{form}"
            _WRITERS[form](path, columns, rows)
            written.append(path)
    if "bibtex" in formats:
        path = folder / "papers.bib"
        _replace(path, kb.cite([brief.record for brief in kb.briefs("paper")]))
        written.append(path)
    readme = folder / "DATA-DICTIONARY.md"
    _replace(readme, "\n".join(_dictionary(kb, tables)))
    return [*written, readme]


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8", newline="")
    os.replace(temporary, path)


def _csv(path: Path, columns: list[str], rows: list[dict[str, Any]]) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    os.replace(temporary, path)


def _json(path: Path, columns: list[str], rows: list[dict[str, Any]]) -> None:
    _replace(path, json.dumps(rows, ensure_ascii=False, indent=1) + "\n")


def _parquet(path: Path, columns: list[str], rows: list[dict[str, Any]]) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MoeKbError("Parquet needs pyarrow. Run: pip install 'moe-kb[parquet]'") from None
    temporary = path.with_name(f".{path.name}.tmp")
    # SQLite's values are typed one by one: a column with several types is written as text.
    data = {}
    for column in columns:
        values = [row[column] for row in rows]
        kinds = {type(value) for value in values if value is not None}
        if len(kinds) > 1 and kinds != {int, float}:
            values = [None if value is None else str(value) for value in values]
        elif kinds == {int, float}:
            values = [None if value is None else float(value) for value in values]
        data[column] = values
    pq.write_table(pa.table(data), temporary)
    os.replace(temporary, path)


_WRITERS = {"csv": _csv, "json": _json, "parquet": _parquet}


def _dictionary(kb: KnowledgeBase, tables: list[str]) -> Iterator[str]:
    yield "# Data dictionary\n"
    yield f"moe-kb, content {kb.content_hash[:12]}, built {kb.meta['built']}. Data: CC-BY-4.0.\n"
    for table in tables:
        rows = kb.rows("SELECT * FROM dictionary WHERE table_name = ? ORDER BY rowid", (table,))
        head = next(row for row in rows if not row["column_name"])
        yield f"## {table} ({head['kind']})\n\n{head['description']}\n\n| column | type | meaning |\n|---|---|---|"
        for row in rows:
            if row["column_name"]:
                yield f"| `{row['column_name']}` | {row['type'].lower()} | {row['description']} |"
        yield ""
