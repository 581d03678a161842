"""Rows of a query as typed values: what every function that reads data takes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, TypeVar

#: What SQLite stores.
SqlValue = str | int | float | bytes | None
T = TypeVar("T")


class Reader:
    """Reads from one open, read-only connection.

    A row type is a dataclass (or named tuple) whose fields are named as the columns; columns may come in any order, and
    one that no field is named after is an error, so that a query and its row type cannot drift apart.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

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
