"""What the SQL console offers: the schema, saved questions, and a result as CSV."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from moe_kb import yamlio
from moe_kb.csv_text import csv_bytes
from moe_kb.db.console import QueryResult
from moe_kb.db.reader import Reader

MAX_BARS = 40


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


def sensible_kind(result: QueryResult, x: str | None) -> str:
    """The kind of chart to start with: bars for categories that are few and occur once each, else points."""
    if x is None or x in numeric_columns(result):
        return "scatter"
    position = result.columns.index(x)
    categories = [row[position] for row in result.rows]
    return "bar" if len(categories) <= MAX_BARS and len(set(categories)) == len(categories) else "scatter"


@dataclass(frozen=True, slots=True)
class Named:
    """What texts in a result may stand for."""

    records: frozenset[str]
    """Full names of everything that has a page."""
    by_key: Mapping[str, Mapping[str, str]]
    """For each kind, keys and the full names of their records."""
    by_name: Mapping[str, Mapping[str, str]]
    """For each kind, names that one record has, and its full name."""


def named(records: Iterable[tuple[str, str]]) -> Named:
    """Prepare `record_columns`, from full names of records and what they are called."""
    by_key: dict[str, dict[str, str]] = {}
    by_name: dict[str, dict[str, str]] = {}
    shared: set[tuple[str, str]] = set()
    known = dict(records)
    for record, name in known.items():
        kind, _, key = record.partition(":")
        by_key.setdefault(kind, {})[key] = record
        names = by_name.setdefault(kind, {})
        if names.setdefault(name, record) != record:
            shared.add((kind, name))
    for kind, name in shared:  # a name of several leads to none of them
        del by_name[kind][name]
    return Named(frozenset(known), by_key, by_name)


def record_columns(result: QueryResult, sql: str, known: Named) -> dict[str, dict[str, str]]:
    """The columns of a result that hold records and nothing else: by column, the record of each text in it.

    Full names, keys and names count; where two kinds have them all, the column's name or the query must name one kind.
    """
    found = {}
    for position, column in enumerate(result.columns):
        texts = {row[position] for row in result.rows if row[position] is not None}
        if not texts or not all(isinstance(text, str) for text in texts):
            continue
        if texts <= known.records:
            found[column] = {text: text for text in texts}
            continue
        for of_kind in (known.by_key, known.by_name):
            kinds = [kind for kind, names in of_kind.items() if texts <= names.keys()]
            for said in (column, sql):
                if len(kinds) > 1:
                    kinds = [kind for kind in kinds if kind in said.lower()] or kinds
            if len(kinds) == 1:
                found[column] = {text: of_kind[kinds[0]][text] for text in texts}
                break
    return found


def to_json(result: QueryResult) -> str:
    """A result as a JSON list of objects, a row each."""
    rows = [dict(zip(result.columns, row, strict=True)) for row in result.rows]
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def to_csv(result: QueryResult) -> bytes:
    """A result as CSV in UTF-8 with a header; nothing where a value is missing."""
    return csv_bytes(result.columns, result.rows)
