"""Reading claims back from the database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from moe_kb.claims.statement import Statement
from moe_kb.records.base import Resolution

_COLUMNS = (
    "record, subject, part, field, value, number, printed, unit, status, counting, scope, setting, source, locator, "
    "table_row, note, preferred"
)


def read_statements(connection: sqlite3.Connection, where: str, parameters: tuple[Any, ...]) -> list[Statement]:
    """Claims that meet a condition, in the order they were written; `where` is ours, never a person's."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM claims WHERE {where} ORDER BY id", parameters)
    return [_statement(row) for row in rows]


def _statement(row: tuple[Any, ...]) -> Statement:
    (
        record,
        subject,
        part,
        field,
        text,
        number,
        printed,
        unit,
        status,
        counting,
        scope,
        setting,
        source,
        locator,
        table_row,
        note,
        preferred,
    ) = row
    value: Any = text
    if number is not None:
        value = int(number) if float(number).is_integer() and "." not in text else number
    elif text.startswith("["):
        value = json.loads(text)
    return Statement(
        record,
        subject,
        part,
        field,
        value,
        source,
        locator,
        printed,
        unit,
        status,
        counting,
        scope,
        setting,
        table_row,
        note,
        bool(preferred),
    )


def resolutions_of(connection: sqlite3.Connection, subjects: Iterable[str]) -> dict[str, list[Resolution]]:
    """Resolving notes of records, by full name."""
    found: dict[str, list[Resolution]] = {}
    for subject in subjects:
        row = connection.execute(
            "SELECT content FROM records WHERE record = ? AND content LIKE '%\"resolutions\"%'", (subject,)
        ).fetchone()
        if row:
            notes = json.loads(row[0]).get("resolutions", [])
            found[subject] = [Resolution.model_validate(note) for note in notes]
    return found
