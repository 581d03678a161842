"""What a database says, in a form that can be compared: row ids, times and paths of the machine left out."""

import json
import sqlite3
from pathlib import Path
from typing import Any

from moe_kb.kb import KnowledgeBase


def sql_rows(kb: KnowledgeBase, sql: str, parameters: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
    """Rows of a query of a test's own, by column."""
    with kb.reader() as reader:
        cursor = reader.connection.execute(sql, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]


#: These say when and where a database was built.
LEFT_OUT = {"meta", "search", "search_names", "search_places"}


def contents(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every table's rows without ids, sorted; claims in disagreements by what they say."""
    connection = sqlite3.connect(database)
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    claims = {row[0]: row[1:] for row in connection.execute("SELECT * FROM claims")}
    found: dict[str, list[tuple[Any, ...]]] = {}
    for table in tables:
        if table in LEFT_OUT or table.startswith(("search_", "sqlite_")):
            continue
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        columns = [c for c in columns if c != "id" and not (table == "files" and c == "mtime_ns")]
        named = ", ".join(f'"{column}"' for column in columns)
        rows = connection.execute(f"SELECT {named} FROM {table}").fetchall()
        if table == "disagreements":
            at = columns.index("claims")
            rows = [(*r[:at], tuple(claims[i] for i in json.loads(r[at])), *r[at + 1 :]) for r in rows]
        found[table] = sorted(rows, key=repr)
    for table, columns in (("search", "s.name, s.title, s.body, s.linked"), ("search_names", "s.name")):
        rows = connection.execute(
            f"SELECT r.record, {columns} FROM {table} s LEFT JOIN records r ON r.id = s.rowid"
        ).fetchall()
        found[table] = sorted(rows, key=repr)
        connection.execute(f"INSERT INTO {table}({table}) VALUES ('integrity-check')")
    found["content hash"] = connection.execute("SELECT value FROM meta WHERE key = 'content_hash'").fetchall()
    connection.close()
    return found


def whole(database: Path) -> bool:
    """Whether SQLite finds nothing wrong with a file."""
    connection = sqlite3.connect(database)
    try:
        return bool(connection.execute("PRAGMA integrity_check").fetchone() == ("ok",))
    finally:
        connection.close()


def temporary_files(database: Path) -> list[str]:
    """Names of what builds left beside a database."""
    return sorted(entry.name for entry in database.parent.glob(f".{database.name}*"))


def damage_table(database: Path, table: str) -> None:
    """Overwrite the first page of a table."""
    connection = sqlite3.connect(database)
    (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    connection.close()
    raw, end = database.read_bytes(), page * 4096
    database.write_bytes(raw[: end - 4096] + b"\xff" * 4096 + raw[end:])
