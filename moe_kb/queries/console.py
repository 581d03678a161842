"""What the SQL console offers: the schema, saved questions, and a result as CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from moe_kb import yamlio
from moe_kb.db.console import QueryResult
from moe_kb.db.reader import Reader


@dataclass(frozen=True, slots=True)
class Column:
    """A column and what it means."""

    name: str
    type: str
    description: str


@dataclass(frozen=True, slots=True)
class TableInfo:
    """A table or view with its columns."""

    name: str
    kind: str
    description: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """A question and the query that answers it."""

    question: str
    sql: str
    x: str | None = None
    y: str | None = None


def schema(reader: Reader) -> list[TableInfo]:
    """Every view, then every table, from the data dictionary inside the database."""
    columns: dict[str, list[Column]] = {}
    tables: dict[str, tuple[str, str]] = {}
    for table, column, kind, type_, description in reader.tuples(
        "SELECT table_name, column_name, kind, type, description FROM dictionary ORDER BY kind DESC, table_name, rowid"
    ):
        if column:
            columns.setdefault(table, []).append(Column(column, type_, description))
        else:
            tables[table] = kind, description
    return [TableInfo(name, *about, tuple(columns.get(name, ()))) for name, about in tables.items()]


def contents(reader: Reader, table: str) -> list[tuple[Any, ...]]:
    """Every row of a table or view, its columns in the order of `schema`."""
    return reader.tuples(f'SELECT * FROM "{table}"')


def first_rows(table: str) -> str:
    """A query for the first rows of a table or view."""
    return f"SELECT * FROM {table} LIMIT 50"


@cache
def examples() -> tuple[Example, ...]:
    """Questions with the queries that answer them, from `examples.yaml`."""
    text = Path(__file__).with_name("examples.yaml").read_text(encoding="utf-8")
    return tuple(Example(**entry) for entry in yamlio.parse(text))


def all_links(result: QueryResult, name: str) -> bool:
    """Whether a column holds web addresses and nothing else."""
    position = result.columns.index(name)
    values = [row[position] for row in result.rows if row[position] is not None]
    return bool(values) and all(isinstance(v, str) and v.startswith(("http://", "https://")) for v in values)


def numeric_columns(result: QueryResult) -> list[str]:
    """Columns whose values are numbers wherever there are any."""
    out = []
    for position, name in enumerate(result.columns):
        values = [row[position] for row in result.rows if row[position] is not None]
        if values and all(isinstance(value, (int, float)) for value in values):
            out.append(name)
    return out


def sensible_axes(result: QueryResult, sql: str = "") -> tuple[str | None, str | None]:
    """Columns to start a chart with: a saved question's own, else two numbers, else the first column and a number."""
    saved = next((example for example in examples() if example.x and example.sql == sql), None)
    if saved:
        return saved.x, saved.y
    numbers = numeric_columns(result)
    if len(numbers) >= 2:
        return numbers[0], numbers[1]
    if numbers:
        return next((name for name in result.columns if name != numbers[0]), None), numbers[0]
    return None, None


def to_csv(result: QueryResult) -> bytes:
    """A result as CSV in UTF-8 with a header; nothing where a value is missing."""
    raw = io.BytesIO()  # a StringIO would take four bytes for every sign
    out = io.TextIOWrapper(raw, encoding="utf-8", newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(result.columns)
    for row in result.rows:
        writer.writerow(["" if value is None else value.hex() if isinstance(value, bytes) else value for value in row])
    out.flush()
    return raw.getvalue()
