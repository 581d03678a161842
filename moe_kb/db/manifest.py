"""What an existing database was built from, and whether that still holds.

Opening compares one stamp and imports nothing that reads records; only where the stamp differs are files looked into.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from moe_kb.db.connect import DAMAGED, SCHEMA_VERSION, read_meta, reading
from moe_kb.errors import DatabaseError, YamlError
from moe_kb.paths import GROUP, RESULTS_GROUP
from moe_kb.stamps import FileStamp, installed, scan, scan_code

#: Everything of this package: any module may have a part in how records become rows.
_PACKAGE = str(Path(__file__).resolve().parent.parent)


@dataclass(frozen=True)
class Code:
    """The code that turns records into rows: this package, and the installed packages of implementations."""

    fingerprint: str
    """Changes with the code and with the versions of those packages."""
    folders: list[str]
    """Where that code lies."""

    @classmethod
    def now(cls) -> Code:
        """The code as it is. Sizes and times say whether it changed; importing it would cost more than a refresh."""
        from importlib.metadata import entry_points
        from importlib.util import find_spec

        folders, points = [_PACKAGE], []
        for point in (*entry_points(group=GROUP), *entry_points(group=RESULTS_GROUP)):
            points.append((point.name, point.value, point.dist.version if point.dist else None))
            with suppress(ImportError, ValueError):  # a broken package, which the laboratory reports
                spec = find_spec(point.module.partition(".")[0])
                folders += (spec.submodule_search_locations or ()) if spec else ()
        folders = list(dict.fromkeys(folders))
        files = [(stamp.path, stamp.size, stamp.mtime_ns) for stamp in scan_code(folders)]
        return cls(_digest(*sorted(map(str, points)), *map(str, files)), folders)

    def stamp(self, stamps: Iterable[FileStamp]) -> str:
        """One text that changes when a record's file, the code or the installed packages may have changed."""
        return stamp_of(stamps, self.folders)


def stamp_of(stamps: Iterable[FileStamp], folders: Iterable[str]) -> str:
    """See `Code.stamp`."""
    return _digest(*map(repr, stamps), *map(repr, scan_code(folders)), *installed())


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode(errors="surrogateescape")).hexdigest()


def is_current(root: Path, database: Path) -> bool:
    """Whether a database holds what the tree and the code say, as far as stamps tell."""
    try:
        meta = _read_meta(database)
        folders = json.loads(meta.get("code_folders", "null"))
    except (sqlite3.Error, ValueError):
        return False
    if meta.get("schema_version") != str(SCHEMA_VERSION) or not isinstance(folders, list):
        return False
    return meta.get("stamp") == stamp_of(scan(root), folders)


@dataclass
class Manifest:
    """What an existing database was built from."""

    fingerprint: str
    stamp: str | None
    files: dict[str, tuple[int, int, str, str | None]]
    touched: list[FileStamp] = field(default_factory=list)
    """Files with a new time but the old contents."""

    def changes(self, root: Path, stamps: list[FileStamp]) -> tuple[list[str], list[str]]:
        """Paths that are new or changed, and paths that are gone."""
        changed = []
        for stamp in stamps:
            known = self.files.get(stamp.path)
            if known is not None and known[0] == stamp.size and known[1] == stamp.mtime_ns:
                continue
            if known is not None and known[2] == _sha256(root, stamp.path):
                self.touched.append(stamp)
            else:
                changed.append(stamp.path)
        present = {stamp.path for stamp in stamps}
        return changed, [path for path in self.files if path not in present]


def read_manifest(database: Path) -> Manifest | None:
    """Manifest of a database; None where it is missing, corrupted, or of another schema version."""
    if not database.is_file():
        return None
    try:
        meta = _read_meta(database)
        if meta.get("schema_version") != str(SCHEMA_VERSION) or "fingerprint" not in meta:
            return None
        with reading(database) as connection:
            rows = connection.execute("SELECT path, size, mtime_ns, sha256, record FROM files")
            files = {row[0]: tuple(row[1:]) for row in rows}
    except DAMAGED:
        return None  # corrupted, or not one of ours: built anew
    return Manifest(meta["fingerprint"], meta.get("stamp"), files)


def _read_meta(database: Path) -> dict[str, str]:
    with reading(database) as connection:
        return read_meta(connection)


def restamp(database: Path, touched: Iterable[FileStamp], stamp: str) -> None:
    """Remember new times of unchanged files, so that they are not looked into again; a reader sees no difference.

    A database that cannot be written (a read-only folder, a full disk) is as good as before, and is left as it is.
    """
    from moe_kb.db.replacing import replacing

    with suppress(DatabaseError), replacing(database, copy=True) as connection:
        connection.executemany(
            "UPDATE files SET mtime_ns = ? WHERE path = ?", [(file.mtime_ns, file.path) for file in touched]
        )
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('stamp', ?)", (stamp,))


def _sha256(root: Path, path: str) -> str:
    """Hash of a file's text; of what cannot be a record (a pipe, a device, 100 MB) nothing is read."""
    from moe_kb import yamlio

    try:
        return hashlib.sha256(yamlio.read_text(root / path, root).encode()).hexdigest()
    except YamlError:
        return "unreadable"
