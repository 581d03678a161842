"""Building: what ends up in the database, and when it is not built at all."""

import os
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest
from databases import contents, damage_table, temporary_files, whole
from trees import FILES, edit

from moe_kb.db import manifest
from moe_kb.db.build import build
from moe_kb.errors import CheckFailedError, DatabaseError
from moe_kb.kinds import KINDS

BETA = "data/papers/2020/beta.yaml"


def test_full_builds_hold_every_record(tree, tmp_path):
    database, progress = tmp_path / "out" / "kb.db", []
    report = build(tree, database, progress=lambda what, done, total: progress.append((what, done, total)))
    assert (report.mode, report.files, report.changed) == ("full", len(FILES), len(FILES))
    assert {kind: report.counts[kind] for kind in KINDS} == {
        "paper": 2, "design": 2, "model": 1, "system": 1, "accelerator": 1, "source": 3, "table": 2,
    }  # fmt: skip
    found = contents(database)
    assert {row[0] for row in found["files"]} == set(FILES)
    assert len(found["nodes"]) == 4 + 1 + 1 + 1  # with a root for each taxonomy
    assert (len(found["placements"]), len(found["mappings"])) == (3, 1)
    assert {row[1] for row in found["edges"]} >= {"paper:alpha", "design:beta-router", "model:alpha", "system:gamma"}
    assert whole(database)
    assert temporary_files(database) == []
    assert ("reading", len(FILES), len(FILES)) in progress
    assert progress[-1] == ("writing", 1, 1)


def test_nothing_changed_means_nothing_is_written(tree, database):
    before = (database.stat().st_ino, database.stat().st_mtime_ns)
    report = build(tree, database)
    assert (report.mode, report.changed) == ("unchanged", 0)
    assert report.counts["paper"] == 2
    assert (database.stat().st_ino, database.stat().st_mtime_ns) == before


def test_touched_files_are_hashed_once(tree, database):
    before = contents(database)
    os.utime(tree / BETA, ns=(1, 1))
    assert build(tree, database).mode == "unchanged"
    assert contents(database) == before
    inode = database.stat().st_ino
    assert build(tree, database).mode == "unchanged"
    assert database.stat().st_ino == inode


def test_two_builds_say_the_same(tree, database):
    before = contents(database)
    assert build(tree, database, force=True).mode == "full"
    assert contents(database) == before


def test_broken_trees_leave_the_old_database(tree, database):
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
    assert (database.read_bytes(), temporary_files(database)) == (before, [])
    assert build(tree, database).mode == "unchanged"


def test_many_findings_are_cut_short(tree, tmp_path):
    for number in range(20):
        (tree / f"data/papers/2020/x{number}.yaml").write_text("key: [\n")
    with pytest.raises(CheckFailedError, match=r"20 findings(?s:.*)and 10 more"):
        build(tree, tmp_path / "new.db")
    assert not (tmp_path / "new.db").exists()


def test_open_readers_keep_their_database(tree, database):
    reader = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
    rows = reader.execute("SELECT name FROM papers")
    first = rows.fetchone()
    edit(tree, BETA, "name: Beta\n", "name: Beta Two\n")
    build(tree, database)
    assert {first[0], *(row[0] for row in rows)} == {"Alpha", "Beta"}
    reader.close()


def test_threads_building_at_once_leave_it_whole(tree, database):
    reports, errors = [], []

    def run(force: bool) -> None:
        try:
            reports.append(build(tree, database, force=force))
        except Exception as error:  # collected: an exception in a thread would pass unnoticed
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number % 2 == 0,)) for number in range(8)]
    for step in (threading.Thread.start, threading.Thread.join):
        for thread in threads:
            step(thread)
    assert (errors, len(reports)) == ([], 8)
    assert whole(database)
    assert temporary_files(database) == []
    assert {row[0] for row in contents(database)["records"]} >= {"paper:alpha", "model:alpha"}


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: b"", lambda raw: b"not a database" * 1000, lambda raw: bytes(5000),
        lambda raw: raw[: len(raw) // 2], lambda raw: raw[:4096] + b"\xff" * (len(raw) - 4096),
    ],
    ids=["empty", "text", "zero", "cut", "flipped"],
)  # fmt: skip
def test_damaged_databases_are_built_anew(tree, database, damage):
    before = contents(database)
    database.write_bytes(damage(database.read_bytes()))
    assert build(tree, database).mode == "full"
    assert contents(database) == before


def test_damage_seen_by_a_refresh_builds_anew(tree, database):
    damage_table(database, "claims")
    edit(tree, BETA, "name: Beta\n", "name: Beta Two\n")
    assert build(tree, database).mode == "full"
    assert whole(database)


@pytest.mark.parametrize("key", ["schema_version", "fingerprint"])
def test_databases_of_other_programs_are_built_anew(tree, database, key):
    connection = sqlite3.connect(database)
    connection.execute("UPDATE meta SET value = 'other' WHERE key = ?", (key,))
    connection.commit()
    connection.close()
    assert build(tree, database).mode == "full"


def test_edits_of_code_that_makes_rows_rebuild(tree, tmp_path, monkeypatch):
    package, database = Path(manifest.__file__).parent.parent, tmp_path / "kb.db"
    copy = shutil.copytree(package, tmp_path / "moe_kb", ignore=shutil.ignore_patterns("__pycache__", "_bundled"))
    monkeypatch.setattr(manifest, "_PACKAGE", str(copy))
    build(tree, database)
    assert build(tree, database).mode == "unchanged"
    for module in ("lab/results", "lab/catalogue", "corpus", "references", "kinds", "records/paper", "db/rows"):
        file = copy / f"{module}.py"
        stat, text = file.stat(), file.read_text()
        assert manifest.is_current(tree, database)
        file.write_text(f"{text}# edited\n")
        assert not manifest.is_current(tree, database), module
        file.write_text(text)
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    file.write_text(f"{text}# edited\n")
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


def test_pipes_and_devices_are_not_read(tree, database):
    (tree / BETA).unlink()
    os.mkfifo(tree / BETA)
    with pytest.raises(CheckFailedError, match="not a regular file"):
        build(tree, database)
    (tree / BETA).unlink()
    (tree / BETA).symlink_to("/dev/zero")
    with pytest.raises(CheckFailedError, match="leads out of the tree"):
        build(tree, database)


def test_empty_trees_build_empty_databases(tmp_path):
    database = tmp_path / "kb.db"
    (tmp_path / "empty" / "data").mkdir(parents=True)
    report = build(tmp_path / "empty", database)
    assert (report.files, report.counts.get("claims")) == (0, 0)
    assert whole(database)
