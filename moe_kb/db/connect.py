"""Opening the database: read-only, and never one of another schema."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moe_kb.errors import DatabaseError

#: What SQLite raises over a damaged file; what it says may be bytes of the file, which need be no text.
DAMAGED = (sqlite3.DatabaseError, UnicodeDecodeError)
#: Raised with every change of tables, views or their meaning; a database of another version is rebuilt.
SCHEMA_VERSION = 5
#: Public names that a version of the schema changed: what was, what it is now, since which version.
CHANGED = (
    ("acknowledgements", "waivers", 3),
    ("acknowledgements.finding", "waivers.issue", 3),
    ("crossings", "mappings", 3),
    ("mentions", "record_references", 3),
    ("claims.part", "claims.configuration", 3),
    ("disagreements.part", "disagreements.configuration", 3),
    ("open_disagreements.part", "open_disagreements.configuration", 3),
    ("implementations.oracle", "implementations.verified_against", 3),
)


def connect(database: Path) -> sqlite3.Connection:
    """A read-only connection; opening costs about 50 microseconds, so there is no pool.

    Raises:
        DatabaseError: The file is missing, no database, corrupted, or of another schema version.
    """
    if database.exists() and not database.is_file():
        raise DatabaseError(f"{database} is no file. Name the database's file.")
    if not database.is_file():
        raise DatabaseError(f"{database} does not exist. Run: moe-kb build")
    try:
        connection = sqlite3.connect(
            f"{database.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False, timeout=5.0
        )
    except sqlite3.Error as error:
        raise DatabaseError(f"{database} cannot be opened ({error}). Run: moe-kb build --force") from None
    try:
        row = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    except DAMAGED as error:
        connection.close()
        raise DatabaseError(f"{database} is no readable moe-kb database ({error}). Run: moe-kb build --force") from None
    version = row[0] if row else "none"
    if version != str(SCHEMA_VERSION):
        connection.close()
        raise DatabaseError(
            f"{database} has schema version {version}, this moe-kb reads {SCHEMA_VERSION}. Run: moe-kb build --force"
        )
    connection.execute("PRAGMA query_only = 1")
    return connection


@contextmanager
def reading(database: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection to a file of which nothing is known yet."""
    connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
    try:
        yield connection
    finally:
        connection.close()


def read_meta(connection: sqlite3.Connection) -> dict[str, str]:
    """When, from what and by which code the database was built."""
    return dict(connection.execute("SELECT key, value FROM meta"))
