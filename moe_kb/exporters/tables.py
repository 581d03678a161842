"""The whole database as files, with a data dictionary beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from moe_kb.csv_text import NOTE, csv_text
from moe_kb.db.connect import CHANGED, read_meta
from moe_kb.db.reader import Reader
from moe_kb.errors import MoeKbError
from moe_kb.exporters.bibtex import entries
from moe_kb.files import replacement, write_text
from moe_kb.queries.console import TableInfo, contents, schema
from moe_kb.queries.records import briefs

Rows = list[tuple[Any, ...]]

FORMATS = ("csv", "json", "parquet", "bibtex")
#: What only serves search and refreshing.
_INTERNAL = frozenset(
    ("addresses", "files", "folded_names", "node_ancestors", "record_references", "search", "search_names")
) | {"search_places", "words"}


def export(reader: Reader, folder: Path, formats: Sequence[str], *, excel: bool = False) -> list[Path]:
    """Write every table and view in each format.

    Args:
        reader: Of the database.
        folder: Made if absent; files of the same names are replaced, others are left alone.
        formats: Any of csv, json, parquet, bibtex.
        excel: Whether CSV begins with a byte-order mark.

    Returns:
        The files written, data dictionary included.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise MoeKbError(f"unknown format {', '.join(unknown) or '(none)'}. Use any of: {', '.join(FORMATS)}.")
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    tables = sorted(
        (table for table in schema(reader) if table.name not in _INTERNAL), key=lambda table: (table.kind, table.name)
    )
    for table in tables:
        columns = [column.name for column in table.columns]
        rows = contents(reader, table.name)
        for form in formats:
            if form == "bibtex":
                continue
            path = folder / f"{table.name}.{form}"
            if form == "csv":
                write_text(path, csv_text(columns, rows, excel=excel))
            else:
                _WRITERS[form](path, columns, rows)
            written.append(path)
    if "bibtex" in formats:
        path = folder / "papers.bib"
        write_text(path, "\n".join(entries(reader, [brief.record for brief in briefs(reader, "paper")]).values()))
        written.append(path)
    readme = folder / "DATA-DICTIONARY.md"
    write_text(readme, "\n".join(_dictionary(read_meta(reader.connection), tables)))
    return [*written, readme]


def _json(path: Path, columns: list[str], rows: Rows) -> None:
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    write_text(path, json.dumps(records, ensure_ascii=False, indent=1) + "\n")


def _parquet(path: Path, columns: list[str], rows: Rows) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MoeKbError("Parquet needs pyarrow. Run: pip install 'moe-kb[parquet]'") from None
    # SQLite's values are typed one by one: a column with several types is written as text.
    data = {}
    for position, column in enumerate(columns):
        values = [row[position] for row in rows]
        kinds = {type(value) for value in values if value is not None}
        if len(kinds) > 1 and kinds != {int, float}:
            values = [None if value is None else str(value) for value in values]
        elif kinds == {int, float}:
            values = [None if value is None else float(value) for value in values]
        data[column] = values
    with replacement(path) as temporary:
        pq.write_table(pa.table(data), temporary)


_WRITERS = {"json": _json, "parquet": _parquet}


def _dictionary(meta: dict[str, str], tables: Sequence[TableInfo]) -> Iterator[str]:
    yield "# Data dictionary\n"
    yield f"moe-kb, content {meta['content_hash'][:12]}, built {meta['built']}. Data: CC-BY-4.0.\n"
    yield f"In CSV: {NOTE[0].lower()}{NOTE[1:]}\n"
    for table in tables:
        yield f"## {table.name} ({table.kind})\n\n{table.description}\n\n| column | type | meaning |\n|---|---|---|"
        for column in table.columns:
            yield f"| `{column.name}` | {column.type.lower()} | {column.description} |"
        yield ""
    yield "## Changed\n\n| was | is | since schema version |\n|---|---|---:|"
    yield from (f"| `{old}` | `{new}` | {version} |" for old, new, version in CHANGED)
    yield "\nTables of records have a column `record`, the full name, since schema version 3.\n"
