"""What an existing database was built from, and whether that still holds."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from moe_kb import yamlio
from moe_kb.corpus import FileStamp
from moe_kb.db.replacing import replacing
from moe_kb.db.schema import SCHEMA_VERSION
from moe_kb.errors import YamlError
from moe_kb.places import GROUP, RESULTS_GROUP


@dataclass
class State:
    """What an existing database was built from."""

    fingerprint: str
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


def read_state(database: Path) -> State | None:
    """State of a database; None where it is missing, corrupted, or of another schema version."""
    if not database.is_file():
        return None
    try:
        connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
        try:
            meta = dict(connection.execute("SELECT key, value FROM meta"))
            if meta.get("schema_version") != str(SCHEMA_VERSION) or "fingerprint" not in meta:
                return None
            files = {
                row[0]: tuple(row[1:])
                for row in connection.execute("SELECT path, size, mtime_ns, sha256, record FROM files")
            }
        finally:
            connection.close()
    except sqlite3.DatabaseError:
        return None  # corrupted, or not one of ours: built anew
    return State(meta["fingerprint"], files)


def restamp(database: Path, stamps: Iterable[FileStamp]) -> None:
    """Remember new times of unchanged files, so that they are not hashed again; a reader sees no difference."""
    with replacing(database, copy=True) as connection:
        connection.executemany(
            "UPDATE files SET mtime_ns = ? WHERE path = ?", [(stamp.mtime_ns, stamp.path) for stamp in stamps]
        )


def _sha256(root: Path, path: str) -> str:
    """Hash of a file's text; of what cannot be a record (a pipe, a device, 100 MB) nothing is read."""
    try:
        return hashlib.sha256(yamlio.read_text(root / path, root).encode()).hexdigest()
    except YamlError:
        return "unreadable"


def installed_implementations() -> list[dict[str, str]]:
    """Rows of the catalogue's entries; what a package breaks is left out here and reported by the laboratory."""
    from moe_kb.lab.catalogue import installed_catalogue  # imports the packages: only where a database is built

    return [
        {
            "key": entry.key,
            "name": entry.name,
            "status": entry.status,
            "summary": entry.summary,
            "designs": "; ".join(entry.designs),
            "oracle": entry.oracle,
        }
        for entry in installed_catalogue().entries
    ]


def installed_result_rows() -> Iterator[tuple[str, dict[str, Any]]]:
    """Table and row of every result that an installed package carries; a broken file is left out, `doctor` names it."""
    from moe_kb.lab.results import installed_results, result_rows

    for result in installed_results()[0]:
        for table, row in result_rows(result):
            yield table, {name: json.dumps(value) if isinstance(value, dict) else value for name, value in row.items()}


def fingerprint() -> str:
    """Changes with the code that turns records into rows and with the installed packages of implementations.

    Sizes and times of files say so; importing the packages would cost more than refreshing a changed record.
    """
    package = Path(__file__).resolve().parent.parent
    code = [package / "facts.py"]
    for room in ("records", "claims", "db", "yamlio"):
        code += (package / room).glob("*.py")
    parts: list[object] = []
    for point in (*entry_points(group=GROUP), *entry_points(group=RESULTS_GROUP)):
        parts.append((point.name, point.value, point.dist.version if point.dist else None))
        with suppress(ImportError, ValueError):  # a broken package, which the laboratory reports
            spec = find_spec(point.module.partition(".")[0])
            for folder in (spec.submodule_search_locations or ()) if spec else ():
                code += Path(folder).rglob("*.py")
                code += Path(folder).rglob("*.yaml")  # results
                code += Path(folder).rglob("README.md")  # whose front matter says what an implementation is
    for path in code:
        try:
            status = path.stat()
        except OSError:
            continue  # an editor's lock file, say, which is a link to nowhere
        parts.append((str(path), status.st_size, status.st_mtime_ns))
    return hashlib.sha256(json.dumps(sorted(parts, key=str)).encode()).hexdigest()
