"""Cancelling queued, running, stubborn and prolific runs, also from another process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from lab_processes import gone, supervisors_in, until

from moe_kb.lab import Lab

LONG = {"steps": 1000, "pause": 0.05}


def wait_for_step(lab: Lab, run_id: str) -> None:
    assert until(lambda: lab.curves(run_id).progress or lab.curves(run_id).messages), "the run never got going"


def test_a_running_run_is_asked_to_finish(lab: Lab) -> None:
    run = lab.launch("demo", LONG)
    wait_for_step(lab, run.id)
    assert lab.cancel(run.id).cancel_requested is not None
    ended = lab.wait(run.id, 10)
    assert (ended.status, ended.exit_code, ended.error) == ("cancelled", 130, None)
    end = lab.curves(run.id).end
    assert end.status == "cancelled"


def test_a_queued_run_is_cancelled_at_once_and_never_starts(lab: Lab, home: Path) -> None:
    first = lab.launch("demo", LONG)
    wait_for_step(lab, first.id)
    second, third = lab.launch("demo", {}), lab.launch("demo", {})
    assert lab.cancel(second.id).status == "cancelled"
    assert lab.run(first.id).status == "running"
    lab.cancel(first.id)
    assert lab.wait(third.id, 10).status == "completed"
    cancelled = lab.run(second.id)
    assert (cancelled.status, cancelled.started, cancelled.process) == ("cancelled", None, None)
    assert not (home / second.id / "events.jsonl").exists()


def test_a_stubborn_run_is_killed_after_the_grace_period(lab: Lab) -> None:
    run = lab.launch("demo", {"behaviour": "stubborn"})
    wait_for_step(lab, run.id)
    lab.cancel(run.id)
    ended = lab.wait(run.id, 10)
    assert (ended.status, ended.exit_code) == ("cancelled", -9)
    assert gone(ended.process.pid)


def test_grandchildren_die_too_even_those_that_left_the_session(lab: Lab, home: Path) -> None:
    run = lab.launch("demo", {"behaviour": "grandchild"})
    pids_file = home / run.id / "pids.json"
    assert until(pids_file.exists)
    pids = json.loads(pids_file.read_text())
    assert not any(gone(pid) for pid in pids)
    lab.cancel(run.id)
    assert lab.wait(run.id, 10).status == "cancelled"
    assert all(gone(pid) for pid in pids)


def test_another_process_can_cancel(lab: Lab, home: Path) -> None:
    run = lab.launch("demo", LONG)
    wait_for_step(lab, run.id)
    program = "import sys; from moe_kb.lab import Lab; print(Lab(sys.argv[1], ()).cancel(sys.argv[2]).status)"
    subprocess.run([sys.executable, "-c", program, str(home), run.id], check=True, timeout=20)
    assert lab.wait(run.id, 10).status == "cancelled"


def test_cancelling_what_has_ended_changes_nothing(lab: Lab) -> None:
    run = lab.wait(lab.launch("demo", {}).id, 15)
    assert lab.cancel(run.id) == run


def test_ten_runs_can_be_cancelled_while_they_pass(open_lab: Callable[[], Lab]) -> None:
    lab = open_lab()
    ids = [lab.launch("demo", {"pause": 0.02}).id for _ in range(10)]
    for run_id in ids[::2]:
        lab.cancel(run_id)
    ended = [lab.wait(run_id, 20) for run_id in ids]
    assert all(run.status == "completed" for run in ended[1::2])
    assert all(run.status in ("cancelled", "completed") for run in ended[::2])
    assert [run.status for run in ended[4::2]] == ["cancelled"] * 3


def test_a_supervisor_asked_to_stop_cancels_its_run_and_leaves_the_queue(lab: Lab, home: Path) -> None:
    running = lab.launch("demo", LONG)
    wait_for_step(lab, running.id)
    queued = lab.launch("demo", {})
    supervisor = lab.run(running.id).supervisor
    os.kill(supervisor.pid, 15)
    assert until(lambda: gone(supervisor.pid))
    # The next look notices the queue without a supervisor, and starts another.
    stopped = lab.run(running.id)
    assert (stopped.status, stopped.error) == ("cancelled", "the supervisor was asked to stop")
    after = lab.wait(queued.id, 10)
    assert after.status == "completed"
    assert after.supervisor != supervisor
    assert until(lambda: not supervisors_in(home), 5)
