"""Rows of a query as typed values: what every function that reads data takes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from typing import Any, TypeVar

#: What SQLite stores.
SqlValue = str | int | float | bytes | None
T = TypeVar("T")


class Reader:
    """Reads from one open, read-only connection.

    A row type is a dataclass (or named tuple) whose fields are named as the columns; columns may come in any order, and
    one that no field is named after is an error, so that a query and its row type cannot drift apart.
    """

    def __init__(self, connection: sqlite3.Connection, records: Collection[str] | None = None) -> None:
        self.connection = connection
        self.records = None if records is None else frozenset(records)
        """Full names of the records asked about, by queries that can be narrowed (`about`); None: all."""
        if records is not None:
            names = json.dumps(sorted(records))
            connection.create_function("asked_about", 0, lambda: names, deterministic=True)

    def about(self, *columns: str) -> str:
        """An SQL condition: one of the columns names a record asked about. Each column should have an index."""
        if self.records is None:
            return "true"
        return "(" + " OR ".join(f"{name} IN (SELECT value FROM json_each(asked_about()))" for name in columns) + ")"

    def all(self, row_type: type[T], sql: str, parameters: Sequence[SqlValue] = ()) -> list[T]:
        """Every row of a query of ours, as `row_type`."""
        cursor = self.connection.execute(sql, tuple(parameters))
        names = [column[0] for column in cursor.description]
        return [row_type(**dict(zip(names, row, strict=True))) for row in cursor]

    def first(self, row_type: type[T], sql: str, parameters: Sequence[SqlValue] = ()) -> T | None:
        """The first row, or None where there is none."""
        cursor = self.connection.execute(sql, tuple(parameters))
        names = [column[0] for column in cursor.description]
        row = cursor.fetchone()
        return None if row is None else row_type(**dict(zip(names, row, strict=True)))

    def tuples(self, sql: str, parameters: Sequence[SqlValue] = ()) -> list[tuple[Any, ...]]:
        """Every row as a plain tuple, for a query whose columns are unpacked on the spot."""
        return self.connection.execute(sql, tuple(parameters)).fetchall()

    def values(self, sql: str, parameters: Sequence[SqlValue] = ()) -> list[Any]:
        """The first column of every row."""
        return [row[0] for row in self.connection.execute(sql, tuple(parameters))]

    def value(self, sql: str, parameters: Sequence[SqlValue] = ()) -> Any:
        """The first column of the first row; None where there is no row."""
        row = self.connection.execute(sql, tuple(parameters)).fetchone()
        return None if row is None else row[0]
