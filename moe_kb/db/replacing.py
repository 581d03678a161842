"""Writing a database file beside the old one and putting it in its place by a rename.

Rewriting in place would hand an open reader a "database disk image is malformed"; a rename leaves it the old file until
it opens again, and a build that is killed leaves the old database whole.

The file carries a checksum of itself: SQLite's own checks look at the structure of pages, and pass over a text of which
bytes have changed.
"""

from __future__ import annotations

import shutil
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from moe_kb.db.connect import DAMAGED, reading
from moe_kb.errors import DatabaseError
from moe_kb.files import replacement

#: Where a database keeps its `user_version`, which SQLite itself does not use: there stands the checksum.
_SEAL = slice(60, 64)
_CHANGED = "it is not as it was written: its checksum differs"


@contextmanager
def replacing(database: Path, *, copy: bool = False) -> Iterator[sqlite3.Connection]:
    """A connection to a new file that takes the old one's place on success and vanishes on failure.

    Args:
        database: The file to replace.
        copy: Start from a copy of the old file rather than from an empty one.

    Raises:
        DatabaseError: The file cannot be written there.
        sqlite3.DatabaseError: The file to copy is damaged.
    """
    try:
        with replacement(database) as temporary:
            if copy:
                shutil.copyfile(database, temporary)
                if _checksum(temporary) != _sealed(temporary):  # a copy with a new checksum would hide it
                    raise sqlite3.DatabaseError(_CHANGED)
            connection = sqlite3.connect(temporary, isolation_level=None, check_same_thread=False)
            try:
                # The file is private until the rename: neither journal nor waiting for the disk is needed before it.
                connection.executescript(
                    "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE"
                )
                connection.execute("BEGIN")
                yield connection
                connection.execute("COMMIT")
            finally:
                connection.close()
            _seal(temporary)
    except OSError as error:
        raise DatabaseError(f"{database} cannot be written ({error.strerror}). Choose another place.") from error
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")):
            raise DatabaseError(f"{database} cannot be written ({error}). Choose another place.") from error
        raise


def damage(database: Path) -> str | None:
    """What is wrong with a file that was written by `replacing`; None where every byte is as it was written.

    Raises:
        OSError: It cannot be read.
    """
    try:
        with reading(database) as connection:
            connection.text_factory = partial(str, encoding="utf-8", errors="backslashreplace")
            (first,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except DAMAGED as error:
        return f"it cannot be read ({error})"
    if first != "ok":
        return " ".join(first.removeprefix("*** in database main ***").split())
    if _checksum(database) != _sealed(database):
        return _CHANGED
    return None


def _seal(database: Path) -> None:
    checksum = _checksum(database)
    with database.open("r+b") as file:
        file.seek(_SEAL.start)
        file.write(checksum)


def _sealed(database: Path) -> bytes:
    with database.open("rb") as file:
        return file.read(_SEAL.stop)[_SEAL]


def _checksum(database: Path) -> bytes:
    """CRC-32 of all but the checksum itself, big-endian as all numbers of SQLite's header are."""
    with database.open("rb") as file:
        found = zlib.crc32(file.read(_SEAL.start))
        file.seek(_SEAL.stop)
        while block := file.read(1 << 20):
            found = zlib.crc32(block, found)
    return found.to_bytes(4, "big")
