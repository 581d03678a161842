"""Supervisors and apps that die, and what the next one finds."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from fake_package.entries import entries
from lab_processes import FAST, gone, supervisors_in, until

from moe_kb.lab import Lab, Run, Timing
from moe_kb.lab.lock import HomeLock
from moe_kb.lab.processes import Identity, kill_run
from moe_kb.lab.store import RunEstimate, RunsStore

LONG = {"steps": 1000, "pause": 0.05}


def running(lab: Lab, config: dict[str, object]) -> Run:
    run = lab.launch("demo", config)
    assert until(lambda: lab.run(run.id).process and lab.events(run.id).events)
    return lab.run(run.id)


def kill_supervisor(run: Run) -> None:
    os.kill(run.supervisor.pid, signal.SIGKILL)
    assert until(lambda: run.supervisor is not None and gone(run.supervisor.pid))


def test_a_killed_supervisor_loses_the_run_and_its_orphan_is_ended(open_lab: Callable[[], Lab]) -> None:
    run = running(open_lab(), {"behaviour": "stubborn"})
    assert run.process is not None
    kill_supervisor(run)
    assert not gone(run.process.pid), "the run outlives its supervisor"
    lost = open_lab().run(run.id)
    assert (lost.status, lost.exit_code) == ("lost", None)
    assert "its supervisor ended before the run did" in lost.error
    assert until(lambda: run.process is not None and gone(run.process.pid))


def test_grandchildren_of_a_lost_run_are_ended_too(open_lab: Callable[[], Lab], home: Path) -> None:
    run = running(open_lab(), {"behaviour": "grandchild"})
    pids_file = home / run.id / "pids.json"
    assert until(pids_file.exists)
    kill_supervisor(run)
    assert open_lab().run(run.id).status == "lost"
    assert all(gone(pid) for pid in json.loads(pids_file.read_text()))


def test_only_looking_ends_and_starts_nothing(open_lab: Callable[[], Lab], home: Path) -> None:
    run = running(open_lab(), LONG)
    kill_supervisor(run)
    looking = Lab(home, entries(), timing=FAST, only_look=True)
    assert [left.status for left in looking.runs()] == ["running"]
    assert looking.run(run.id).status == "running"
    assert not supervisors_in(home)
    assert open_lab().run(run.id).status == "lost"


def test_an_open_lab_notices_too_without_being_opened_again(lab: Lab) -> None:
    run = running(lab, LONG)
    kill_supervisor(run)
    assert lab.runs()[0].status == "lost"


def test_a_run_that_finished_while_nobody_watched_gets_its_true_end(open_lab: Callable[[], Lab]) -> None:
    lab = open_lab()
    run = running(lab, {"steps": 10, "pause": 0.05})
    kill_supervisor(run)
    # The events are read from the file: reading them does not look after the runs.
    assert until(lambda: lab.curves(run.id).end)
    ended = open_lab().run(run.id)
    assert (ended.status, ended.error) == ("completed", None)


def test_queued_runs_go_on_after_the_supervisor_was_killed(open_lab: Callable[[], Lab]) -> None:
    lab = open_lab()
    run = running(lab, LONG)
    waiting = [lab.launch("demo", {}).id for _ in range(2)]
    kill_supervisor(run)
    restarted = open_lab()
    assert [restarted.wait(run_id, 15).status for run_id in waiting] == ["completed"] * 2
    assert restarted.run(run.id).status == "lost"


def test_a_new_lab_on_the_same_home_sees_and_ends_what_goes_on(open_lab: Callable[[], Lab]) -> None:
    run = running(open_lab(), LONG)
    restarted = open_lab()
    seen = restarted.run(run.id)
    assert (seen.status, seen.process) == ("running", run.process)
    restarted.cancel(run.id)
    assert restarted.wait(run.id, 10).status == "cancelled"


def test_the_death_of_the_app_leaves_the_run_alone(open_lab: Callable[[], Lab], home: Path) -> None:
    program = """
import os, signal, sys
from fake_package.entries import entries
from moe_kb.lab import Lab, Timing
lab = Lab(sys.argv[1], entries(), timing=Timing(poll=0.05, grace=0.5, idle=0.3))
run = lab.launch("demo", {"steps": 10, "pause": 0.05})
print(run.id, flush=True)
os.killpg(0, signal.SIGKILL)
"""
    app = subprocess.run(
        [sys.executable, "-c", program, str(home)], capture_output=True, text=True, timeout=20,
        start_new_session=True,
    )  # fmt: skip
    assert app.returncode == -signal.SIGKILL, app.stderr
    assert open_lab().wait(app.stdout.strip(), 15).status == "completed"


def test_a_process_that_took_the_pid_of_a_run_is_left_alone(home: Path) -> None:
    home.mkdir()
    store = RunsStore(home)
    store.add("20260101-000000-0000", "demo", "fake_package", {}, RunEstimate(1, 1.0, 1, 1), 60)
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        claimed = store.claim(Identity(2**22 + 1, 0.0))
        assert claimed is not None
        same_pid = Identity(bystander.pid, psutil.Process(bystander.pid).create_time() - 100)
        store.record_process(claimed.id, same_pid)
        assert Lab(home, entries(), timing=FAST).run(claimed.id).status == "lost"
        assert bystander.poll() is None
        kill_run(home / claimed.id, Identity.of(bystander.pid))
        assert bystander.wait(5) == -signal.SIGKILL
    finally:
        bystander.kill()
        bystander.wait()


def test_a_run_killed_before_its_pid_was_recorded_is_found_by_its_mark(home: Path) -> None:
    home.mkdir()
    store = RunsStore(home)
    run_id = "20260101-000000-0000"
    (home / run_id).mkdir()
    store.add(run_id, "demo", "fake_package", {}, RunEstimate(1, 1.0, 1, 1), 60)
    assert store.claim(Identity.own()) is not None
    marked = {**os.environ, "MOE_KB_RUN": str(home / run_id)}
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env=marked)
    assert Lab(home, entries(), timing=FAST).run(run_id).status == "lost"
    assert child.wait(5) == -signal.SIGKILL


def test_a_run_is_left_alone_while_somebody_holds_the_lock(home: Path) -> None:
    home.mkdir()
    store = RunsStore(home)
    store.add("20260101-000000-0000", "demo", "fake_package", {}, RunEstimate(1, 1.0, 1, 1), 60)
    assert store.claim(Identity.own()) is not None
    lock = HomeLock.acquire(home)
    assert lock is not None
    try:
        assert HomeLock.acquire(home) is None
        assert Lab(home, entries(), timing=FAST).runs()[0].status == "running"
    finally:
        lock.close()
    assert Lab(home, entries(), timing=FAST).runs()[0].status == "lost"


def test_concurrent_launches_start_one_supervisor(open_lab: Callable[[], Lab], home: Path) -> None:
    launchers = 4
    program = """
import sys, time
from fake_package.entries import entries
from moe_kb.lab import Lab, Timing
lab = Lab(sys.argv[1], entries(), timing=Timing(poll=0.05, grace=0.5, idle=0.3))
time.sleep(max(0.0, float(sys.argv[2]) - time.time()))
for _ in range(3):
    print(lab.launch("demo", {}).id)
"""
    begin = str(time.time() + 1.0)
    command = [sys.executable, "-c", program, str(home), begin]
    apps = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(launchers)]
    ids = [line for app in apps for line in app.communicate(timeout=30)[0].split()]
    assert [app.returncode for app in apps] == [0] * launchers
    assert len(ids) == len(set(ids)) == 3 * launchers
    lab = open_lab()
    runs = [lab.wait(run_id, 30) for run_id in ids]
    assert {run.status for run in runs} == {"completed"}
    assert len({run.supervisor for run in runs}) == 1
    spans = sorted((run.started or 0, run.ended or 0) for run in runs)
    assert all(earlier[1] <= later[0] for earlier, later in itertools.pairwise(spans))
    assert "another supervisor" not in (home / "supervisor.log").read_text()


def test_no_run_is_stranded_when_launches_meet_a_leaving_supervisor(home: Path) -> None:
    # So short an idle time makes launches fall into the last moments of a supervisor.
    lab = Lab(home, entries(), timing=Timing(poll=0.01, grace=0.5, idle=0.02))
    for _ in range(12):
        assert lab.wait(lab.launch("demo", {"steps": 1}).id, 10, poll=0.01).status == "completed"


def test_a_second_supervisor_gives_way(lab: Lab, home: Path) -> None:
    run = running(lab, LONG)
    command = [sys.executable, "-m", "moe_kb.lab.supervisor", "--home", str(home)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert second.returncode == 3
    assert "another supervisor serves" in second.stderr
    assert len(supervisors_in(home)) == 1
    lab.cancel(run.id)
    assert lab.wait(run.id, 10).status == "cancelled"
