"""Writing a database file beside the old one and putting it in its place by a rename.

Rewriting in place would hand an open reader a "database disk image is malformed"; a rename leaves it the old file until
it opens again, and a build that is killed leaves the old database whole.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from moe_kb.errors import DatabaseError


@contextmanager
def replacing(database: Path, *, copy: bool = False) -> Iterator[sqlite3.Connection]:
    """A connection to a new file that takes the old one's place on success and vanishes on failure.

    Args:
        database: The file to replace.
        copy: Start from a copy of the old file rather than from an empty one.

    Raises:
        DatabaseError: The file cannot be written there.
    """
    # Threads of one process build at the same time too, so the process id alone is no name.
    temporary = database.with_name(f".{database.name}.{os.getpid()}.{uuid4().hex[:8]}.tmp")
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        _sweep(database)
        if copy:
            shutil.copyfile(database, temporary)
        connection = sqlite3.connect(temporary, isolation_level=None, check_same_thread=False)
        try:
            # The file is private until the rename: neither journal nor waiting for the disk is needed before it.
            connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")
        finally:
            connection.close()
        _sync(temporary)
        os.replace(temporary, database)
        _sync(database.parent)
    except OSError as error:
        raise DatabaseError(f"{database} cannot be written ({error.strerror}). Choose another place.") from error
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")):
            raise DatabaseError(f"{database} cannot be written ({error}). Choose another place.") from error
        raise
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sweep(database: Path) -> None:
    """Remove files of builds that were killed: those whose process is gone, or is younger than the file."""
    for stale in database.parent.glob(f".{database.name}.*.tmp"):
        pid = stale.name.split(".")[-3]
        if not (pid.isdecimal() and _is_its_maker(int(pid), stale)):
            stale.unlink(missing_ok=True)


def _is_its_maker(pid: int, file: Path) -> bool:
    import psutil

    try:
        # A second of slack: process times come in clock ticks, file times from another clock.
        return float(psutil.Process(pid).create_time()) <= file.stat().st_mtime + 1
    except (psutil.Error, FileNotFoundError):
        return False
