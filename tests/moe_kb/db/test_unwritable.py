"""A database that cannot be refreshed where it lies still answers, and says that it is older."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from trees import REPOSITORY, edit

from moe_kb.errors import DatabaseError
from moe_kb.kb import open_kb

BETA = "data/papers/2020/beta.yaml"

#: Opens a tree's database, after a limit on the size of files where one is given, and says what it got.
SCRIPT = """
import resource, signal, sys
from moe_kb.errors import MoeKbError
from moe_kb.kb import open_kb
tree, database, limit = sys.argv[1:]
if int(limit):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
try:
    for _ in range(2):
        kb = open_kb(tree, database=database)
    print(kb.paper("beta").name, "|", (kb.stale or "current").splitlines()[0], "|", len(kb.audit()) >= 0)
except MoeKbError as error:
    print(type(error).__name__, "|", error)
"""


def opened(tree: Path, database: Path, *, limit: int = 0) -> str:
    command = [sys.executable, "-c", SCRIPT, str(tree), str(database), str(limit)]
    if os.geteuid() == 0:  # to root no folder is read-only, unless it gives up that right
        command = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", *command]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def locked(tree, built, tmp_path):
    """A database in a folder in which this test's other process may not write, its tree changed since."""
    folder = tmp_path / "locked"
    folder.mkdir()
    database = Path(shutil.copy(built / "kb.db", folder / "kb.db"))
    open_kb(tree, database=database)
    edit(tree, BETA, "name: Beta\n", "name: Beta Two\n")
    return database


def test_full_disks_leave_the_database_answering(tree, locked):
    assert opened(tree, locked, limit=20_000).startswith(f"Beta | {locked} cannot be written (")
    assert opened(tree, locked).startswith("Beta Two | current")


def test_readonly_folders_leave_the_database_answering(tree, locked):
    locked.parent.chmod(0o555)
    try:
        assert opened(tree, locked).startswith(f"Beta | {locked} cannot be written (Permission denied)")
    finally:
        locked.parent.chmod(0o755)
    assert opened(tree, locked).startswith("Beta Two | current")


def test_touched_records_are_no_reason_to_refuse(tree, locked):
    edit(tree, BETA, "name: Beta Two\n", "name: Beta\n")  # as it was, at another time
    assert opened(tree, locked, limit=20_000).startswith("Beta | current | True")


def test_nothing_to_fall_back_on_is_said(tree, tmp_path):
    assert opened(tree, tmp_path / "new.db", limit=20_000).startswith("DatabaseError | ")
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"no database")
    assert "cannot be written" in opened(tree, damaged, limit=20_000)


def test_failed_refreshes_are_not_repeated_at_once(tree, database, monkeypatch):
    """The app looks every two seconds; reading every record each time only to fail would keep a core busy."""
    open_kb(tree, database=database)
    edit(tree, BETA, "name: Beta\n", "name: Beta Two\n")
    tried = []

    def fails(*arguments):
        tried.append(arguments)
        raise DatabaseError("no room. Make some.")

    monkeypatch.setattr("moe_kb.kb.refresh_database", fails)
    assert [open_kb(tree, database=database).stale for _ in range(3)] == ["no room. Make some."] * 3
    assert len(tried) == 1
    edit(tree, BETA, "name: Beta Two\n", "name: Beta Three\n")
    assert open_kb(tree, database=database).stale
    assert len(tried) == 2


def test_unwritable_checkouts_use_the_cache_folder(tmp_path, monkeypatch):
    from moe_kb.paths import default_database

    for folder in ("data", "taxonomy", "build"):
        (tmp_path / folder).mkdir()
    (tmp_path / "pyproject.toml").touch()
    assert default_database(tmp_path) == tmp_path / "build/kb.db"
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert default_database(tmp_path).parent.name == "moe-kb"
    (tmp_path / "build/kb.db").touch()
    assert default_database(tmp_path) == tmp_path / "build/kb.db"


def test_unreadable_folders_are_findings(tree, database):
    open_kb(tree, database=database)
    folder = tree / "data" / "papers" / "2020"
    folder.chmod(0)
    try:
        said = opened(tree, database)
    finally:
        folder.chmod(0o755)
    assert said.startswith("Beta | the records have ")
    assert opened(tree, database).startswith("Beta | current")
