"""Building: what ends up in the database, and when it is not built at all."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest
from databases import contents, temporary_files, whole
from trees import FILES, edit

from moe_kb.db import manifest
from moe_kb.db.build import build
from moe_kb.errors import CheckFailedError, DatabaseError
from moe_kb.kinds import KINDS

BETA = "data/papers/2020/beta.yaml"


@pytest.fixture
def database(tmp_path) -> Path:
    return tmp_path / "out" / "kb.db"


def test_a_full_build_holds_every_record(tree, database):
    report = build(tree, database)
    assert (report.mode, report.files, report.changed) == ("full", len(FILES), len(FILES))
    assert {kind: report.counts[kind] for kind in KINDS} == {
        "paper": 2, "design": 2, "model": 1, "system": 1, "accelerator": 1, "source": 3, "table": 2,
    }  # fmt: skip
    found = contents(database)
    assert {row[0] for row in found["files"]} == set(FILES)
    assert len(found["nodes"]) == 4 + 1 + 1 + 1  # with a root for each taxonomy
    assert len(found["placements"]) == 3
    assert len(found["mappings"]) == 1
    assert {row[1] for row in found["edges"]} >= {"paper:alpha", "design:beta-router", "model:alpha", "system:gamma"}
    assert whole(database)
    assert temporary_files(database) == []


def test_progress_is_told_to_the_end(tree, database):
    told = []
    build(tree, database, progress=lambda what, done, total: told.append((what, done, total)))
    assert ("reading", len(FILES), len(FILES)) in told
    assert told[-1] == ("writing", 1, 1)


def test_with_nothing_changed_nothing_is_written(tree, database):
    build(tree, database)
    before = (database.stat().st_ino, database.stat().st_mtime_ns)
    report = build(tree, database)
    assert (report.mode, report.changed) == ("unchanged", 0)
    assert report.counts["paper"] == 2
    assert (database.stat().st_ino, database.stat().st_mtime_ns) == before


def test_touched_files_are_recognised_by_their_contents_and_hashed_once(tree, database):
    build(tree, database)
    before = contents(database)
    os.utime(tree / BETA, ns=(1, 1))
    assert build(tree, database).mode == "unchanged"
    assert contents(database) == before
    inode = database.stat().st_ino
    assert build(tree, database).mode == "unchanged"
    assert database.stat().st_ino == inode


def test_force_builds_anew(tree, database):
    build(tree, database)
    assert build(tree, database, force=True).mode == "full"


def test_two_builds_of_one_tree_say_the_same(tree, database, tmp_path):
    build(tree, database)
    build(tree, tmp_path / "second.db")
    assert contents(database) == contents(tmp_path / "second.db")


def test_a_broken_tree_leaves_the_old_database_and_says_so(tree, database):
    build(tree, database)
    before = database.read_bytes()
    for old, new in (("year: 2020", "year: soon"), ("key: beta", "key: other")):
        edit(tree, BETA, old, new)
        with pytest.raises(CheckFailedError) as caught:
            build(tree, database)
        with pytest.raises(CheckFailedError):
            build(tree, database, force=True)
        assert "the database was left as it was" in str(caught.value)
        assert BETA in str(caught.value)
        assert "moe-kb check" in str(caught.value)
        edit(tree, BETA, new, old)
    assert database.read_bytes() == before
    assert temporary_files(database) == []
    assert build(tree, database).mode == "unchanged"


def test_many_findings_are_cut_short_in_the_message(tree, database):
    for number in range(20):
        (tree / f"data/papers/2020/x{number}.yaml").write_text("key: [\n")
    with pytest.raises(CheckFailedError, match=r"20 findings(?s:.*)and 10 more"):
        build(tree, database)
    assert not database.exists()


def test_open_readers_keep_the_database_they_opened(tree, database):
    import sqlite3

    build(tree, database)
    reader = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
    rows = reader.execute("SELECT name FROM papers")
    first = rows.fetchone()
    edit(tree, BETA, "name: Beta\n", "name: Beta Two\n")
    build(tree, database)
    assert {first[0], *(row[0] for row in rows)} == {"Alpha", "Beta"}
    reader.close()


def test_threads_that_build_at_once_leave_a_whole_database(tree, database):
    reports, errors = [], []

    def run(force: bool) -> None:
        try:
            reports.append(build(tree, database, force=force))
        except Exception as error:  # collected: an exception in a thread would pass unnoticed
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number % 2 == 0,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(reports) == 8
    assert whole(database)
    assert temporary_files(database) == []
    assert {row[0] for row in contents(database)["records"]} >= {"paper:alpha", "model:alpha"}


@pytest.mark.parametrize(
    "damage",
    [b"", b"not a database" * 1000, None, "truncated", "flipped"],
    ids=["empty", "text", "zero", "cut", "flipped"],
)
def test_a_damaged_database_is_built_anew(tree, database, damage):
    build(tree, database)
    before = contents(database)
    raw = database.read_bytes()
    if damage == "truncated":
        database.write_bytes(raw[: len(raw) // 2])
    elif damage == "flipped":
        database.write_bytes(raw[:4096] + b"\xff" * (len(raw) - 4096))
    else:
        database.write_bytes(bytes(5000) if damage is None else damage)
    assert build(tree, database).mode == "full"
    assert contents(database) == before


def test_a_database_damaged_where_only_a_refresh_looks_is_built_anew(tree, database):
    import sqlite3

    build(tree, database)
    connection = sqlite3.connect(database)
    (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'claims'").fetchone()
    connection.close()
    raw = bytearray(database.read_bytes())
    raw[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    database.write_bytes(raw)
    edit(tree, BETA, "name: Beta\n", "name: Beta Two\n")
    assert build(tree, database).mode == "full"
    assert whole(database)


def test_a_database_of_another_schema_version_or_program_is_built_anew(tree, database):
    import sqlite3

    for key in ("schema_version", "fingerprint"):
        build(tree, database)
        connection = sqlite3.connect(database)
        connection.execute("UPDATE meta SET value = 'other' WHERE key = ?", (key,))
        connection.commit()
        connection.close()
        assert build(tree, database).mode == "full"


@pytest.mark.parametrize(
    "module",
    ["lab/results.py", "lab/catalogue.py", "corpus.py", "references.py", "kinds.py", "records/paper.py", "db/rows.py"],
)
def test_an_edit_of_code_that_makes_rows_rebuilds(tree, database, tmp_path, monkeypatch, module):
    package = Path(manifest.__file__).parent.parent
    copy = shutil.copytree(package, tmp_path / "moe_kb", ignore=shutil.ignore_patterns("__pycache__", "_bundled"))
    monkeypatch.setattr(manifest, "_PACKAGE", str(copy))
    build(tree, database)
    assert build(tree, database).mode == "unchanged"
    assert manifest.is_current(tree, database)
    with (copy / module).open("a") as file:
        file.write("# edited\n")
    assert not manifest.is_current(tree, database)
    assert build(tree, database).mode == "full"


def test_places_that_cannot_be_written_are_named(tree, tmp_path):
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(DatabaseError, match=r"folder.db is a folder\. Name a file"):
        build(tree, tmp_path / "folder.db")
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseError, match=r"cannot be written .*Choose another place"):
        build(tree, tmp_path / "file" / "kb.db")
    with pytest.raises(DatabaseError, match="cannot be written"):
        build(tree, Path("/proc/nowhere/kb.db"))


def test_a_known_file_that_becomes_a_pipe_or_a_device_is_not_read(tree, database):
    build(tree, database)
    (tree / BETA).unlink()
    os.mkfifo(tree / BETA)
    with pytest.raises(CheckFailedError, match="not a regular file"):
        build(tree, database)
    (tree / BETA).unlink()
    (tree / BETA).symlink_to("/dev/zero")
    with pytest.raises(CheckFailedError, match="leads out of the tree"):
        build(tree, database)


def test_an_empty_tree_builds_an_empty_database(tmp_path, database):
    (tmp_path / "empty" / "data").mkdir(parents=True)
    report = build(tmp_path / "empty", database)
    assert (report.files, report.counts.get("claims")) == (0, 0)
    assert whole(database)
