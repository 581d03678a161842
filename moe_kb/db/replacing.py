"""Writing a database file beside the old one and putting it in its place by a rename.

Rewriting in place would hand an open reader a "database disk image is malformed"; a rename leaves it the old file until
it opens again, and a build that is killed leaves the old database whole.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path


class replacing:
    """A connection to a new file that takes the old one's place on success and vanishes on failure."""

    def __init__(self, database: Path, *, copy: bool = False) -> None:
        self.database = database
        self.temporary = database.with_name(f".{database.name}.{os.getpid()}.tmp")
        database.parent.mkdir(parents=True, exist_ok=True)
        for stale in database.parent.glob(f".{database.name}.*.tmp"):
            # Left by a build that was killed: remove it once its process is gone.
            pid = stale.name.split(".")[-2]
            if not (pid.isdigit() and _alive(int(pid))) or stale == self.temporary:
                stale.unlink(missing_ok=True)
        if copy:
            shutil.copyfile(database, self.temporary)

    def __enter__(self) -> sqlite3.Connection:
        self.connection = sqlite3.connect(self.temporary, isolation_level=None)
        # The file is private until the rename, so neither journal nor waiting for the disk is needed before it.
        self.connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE")
        self.connection.execute("BEGIN")
        return self.connection

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:
            self.connection.close()
            self.temporary.unlink(missing_ok=True)
            return
        self.connection.execute("COMMIT")
        self.connection.close()
        with open(self.temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(self.temporary, self.database)
        folder = os.open(self.database.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
