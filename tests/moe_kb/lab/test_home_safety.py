"""Ids, folders and databases that are not what they should be."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fake_package.entries import entries
from lab_processes import FAST, supervisors_in, until

from moe_kb.errors import MoeKbError
from moe_kb.lab import ActiveRunError, HomeError, InvalidRunIdError, Lab, StoreError, UnknownRunError, default_home
from moe_kb.lab.store import RUN_ID, RunsStore, new_run_id

ODD_IDS = ["", ".", "..", "../other", "20260101-000000-abcd/..", "20260101-000000-ABCD", "x" * 10_000,
           "20260101-000000-abcd\n", "/etc", "20260101-000000-abcd\x00", "٢0260101-000000-abcd"]  # fmt: skip


@pytest.mark.parametrize("run_id", ODD_IDS)
def test_what_is_not_an_id_reaches_no_file(lab: Lab, run_id: str) -> None:
    for ask in (lab.run, lab.events, lab.curves, lab.log_tail, lab.cancel, lab.delete, lab.folder):
        with pytest.raises(InvalidRunIdError, match="Ids look like"):
            ask(run_id)


def test_ids_are_well_formed_and_begin_with_the_time() -> None:
    assert all(RUN_ID.fullmatch(new_run_id()) for _ in range(100))
    before = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    run_id = new_run_id()
    assert before <= run_id[:15] <= time.strftime("%Y%m%d-%H%M%S", time.gmtime())


def test_an_id_that_names_no_run_is_said_so(lab: Lab, home: Path) -> None:
    with pytest.raises(UnknownRunError, match="no runs here yet"):
        lab.run("20260101-000000-abcd")
    home.mkdir()
    RunsStore(home)
    for ask in (lab.run, lab.cancel, lab.delete):
        with pytest.raises(UnknownRunError, match="no such run"):
            ask("20260101-000000-abcd")
    assert lab.events("20260101-000000-abcd").events == ()
    assert lab.log_tail("20260101-000000-abcd") == ""


def test_an_ended_run_is_deleted_with_its_folder(lab: Lab, home: Path) -> None:
    kept, run = (lab.wait(lab.launch("demo", {}).id, 15) for _ in range(2))
    lab.delete(run.id)
    assert not (home / run.id).exists()
    assert [left.id for left in lab.runs()] == [kept.id]
    with pytest.raises(UnknownRunError):
        lab.delete(run.id)


def test_an_active_run_is_not_deleted(lab: Lab, home: Path) -> None:
    run = lab.launch("demo", {"steps": 1000, "pause": 0.05})
    queued = lab.launch("demo", {})
    for active in (run, queued):
        with pytest.raises(ActiveRunError, match="Cancel it first"):
            lab.delete(active.id)
        assert (home / active.id).is_dir()
    lab.cancel(run.id)
    lab.wait(queued.id, 15)


def test_a_run_whose_folder_became_a_link_is_not_deleted(lab: Lab, home: Path, tmp_path: Path) -> None:
    run = lab.wait(lab.launch("demo", {}).id, 15)
    precious = tmp_path / "precious"
    (home / run.id).rename(precious)
    (home / run.id).symlink_to(precious)
    with pytest.raises(HomeError, match="not a folder in the home"):
        lab.delete(run.id)
    assert (precious / "config.json").exists()


def test_a_deleted_folder_does_not_stop_the_record_from_going(lab: Lab, home: Path) -> None:
    run = lab.wait(lab.launch("demo", {}).id, 15)
    for file in (home / run.id).iterdir():
        file.unlink()
    (home / run.id).rmdir()
    assert lab.curves(run.id).start is None
    lab.delete(run.id)
    assert lab.runs() == ()


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "home"
    path.write_text("not a folder")
    with pytest.raises(HomeError, match="MOE_KB_LAB"):
        Lab(path, entries()).launch("demo", {})
    assert path.read_text() == "not a folder"


def test_a_damaged_database_is_named(home: Path) -> None:
    home.mkdir()
    (home / "runs.db").write_bytes(b"this is no database at all, but long enough to look at" * 100)
    with pytest.raises(StoreError, match=r"runs\.db: .*move it away"):
        Lab(home, entries())


@pytest.mark.parametrize("config", ["{", "[" * 5_000, "null", "b'\\xff'"])
def test_a_damaged_row_is_named(lab: Lab, home: Path, config: str) -> None:
    lab.wait(lab.launch("demo", {}).id, 15)
    with sqlite3.connect(home / "runs.db") as connection:
        connection.execute("UPDATE runs SET config = ?, estimate = ?", (config, config))
    connection.close()
    with pytest.raises(StoreError, match=r"runs\.db: .*cannot be used"):
        lab.runs()


def test_errors_of_the_laboratory_are_errors_of_moe_kb() -> None:
    error = StoreError("runs.db", "it is damaged", "Move it away")
    assert isinstance(error, MoeKbError)
    assert (error.place, error.rule, error.fix) == ("runs.db", "it is damaged", "Move it away")
    assert str(error) == "runs.db: it is damaged. Move it away"


def test_a_relative_home_is_the_same_from_every_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOE_KB_LAB", "runs")
    assert default_home() == tmp_path / "runs"


def test_a_database_of_another_version_is_left_alone(home: Path) -> None:
    home.mkdir()
    with sqlite3.connect(home / "runs.db") as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(StoreError, match="schema version 99"):
        Lab(home, entries())


def test_a_home_that_vanishes_is_made_again_at_the_next_launch(lab: Lab, home: Path, tmp_path: Path) -> None:
    lab.wait(lab.launch("demo", {}).id, 15)
    assert until(lambda: not supervisors_in(home))
    home.rename(tmp_path / "moved")
    assert lab.runs() == ()
    assert lab.wait(lab.launch("demo", {}).id, 15).status == "completed"


def test_a_home_with_odd_characters_works(tmp_path: Path) -> None:
    home = tmp_path / "höme with 'quotes' & $(touch bad)"
    lab = Lab(home, entries(), timing=FAST)
    assert lab.wait(lab.launch("demo", {}).id, 15).status == "completed"
    assert not list(tmp_path.rglob("bad"))


def test_processes_may_open_the_same_new_home_at_once(home: Path) -> None:
    homes = [home / str(number) for number in range(20)]
    for folder in homes:
        folder.mkdir(parents=True)
    program = """
import sys, time
from pathlib import Path
from moe_kb.lab.store import RunsStore
begin, *homes = sys.argv[1:]
for number, home in enumerate(homes):
    time.sleep(max(0.0, float(begin) + number * 0.05 - time.time()))
    assert RunsStore(Path(home)).newest(1) == ()
"""
    command = [sys.executable, "-c", program, str(time.time() + 1), *map(str, homes)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    assert [process.communicate(timeout=30)[1] for process in processes] == [b""] * 3


def test_threads_may_share_a_lab(open_lab: Callable[[], Lab]) -> None:
    lab = open_lab()
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: lab.launch("demo", {"steps": 1}).id, range(8)))
    assert len(set(ids)) == 8
    assert {lab.wait(run_id, 20).status for run_id in ids} == {"completed"}
