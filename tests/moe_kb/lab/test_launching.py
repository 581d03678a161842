"""Runs from launch to end, as real processes."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from fake_package.entries import DemoConfig, DemoEntry, entries
from lab_processes import FAST, gone, supervisors_in, until

from moe_kb.lab import Lab, PreflightError, SupervisorError, UnknownImplementationError, curves
from moe_kb.lab.curves import CurveReader
from moe_kb.lab.supervisor import MAX_LOG


def test_a_run_completes_and_tells_its_curves(lab: Lab, home: Path) -> None:
    run = lab.wait(lab.launch("demo", {"steps": 4}).id, 15)
    assert (run.status, run.exit_code, run.error) == ("completed", 0, None)
    assert run.config == {"behaviour": "ok", "steps": 4, "pause": 0.0, "memory_mib": 10}
    assert json.loads((home / run.id / "config.json").read_text()) == run.config
    assert run.seconds is not None
    assert 0 < run.seconds < 10
    told = lab.curves(run.id)
    assert told.start.implementation == "demo"
    assert told.train["loss"].steps == (1, 2, 3, 4)
    assert told.valid["loss"].values == (0.5,)
    assert told.loads["0"].experts == (4.0, 1.0)
    assert (told.progress.step, told.progress.steps) == (4, 4)
    assert told.end.summary == {"loss": 0.5}
    assert told.problems == ()


def test_events_are_followed_by_offset(lab: Lab) -> None:
    run = lab.launch("demo", {"steps": 5, "pause": 0.05})
    followed, offset = [], 0
    while True:
        active = lab.run(run.id).active
        batch = lab.events(run.id, offset)
        followed += batch.events
        offset = batch.offset
        if not active:
            break
        time.sleep(0.03)
    assert followed == list(lab.events(run.id).events)
    assert [event.type for event in followed].count("metrics") == 6
    assert followed[-1].type == "end"


def test_a_model_may_be_given_in_place_of_a_mapping(lab: Lab) -> None:
    run = lab.wait(lab.launch("demo", DemoConfig(steps=2)).id, 15)
    assert (run.status, run.config["steps"]) == ("completed", 2)


def test_runs_are_taken_in_order_one_at_a_time(lab: Lab, home: Path) -> None:
    ids = [lab.launch("demo", {"pause": 0.05}).id for _ in range(4)]
    for run_id in ids:
        lab.wait(run_id, 20)
    runs = [lab.run(run_id) for run_id in ids]
    assert [run.status for run in runs] == ["completed"] * 4
    for earlier, later in itertools.pairwise(runs):
        assert earlier.ended is not None
        assert later.started is not None
        assert earlier.ended <= later.started
    assert len({run.supervisor for run in runs}) == 1
    assert [run.id for run in lab.runs()] == ids[::-1]
    assert [run.id for run in lab.runs(2)] == ids[:1:-1]
    assert until(lambda: not supervisors_in(home), 5), "the supervisor stays on an empty queue"


def test_a_crash_is_told_with_where_to_look(lab: Lab) -> None:
    run = lab.wait(lab.launch("demo", {"behaviour": "crash"}).id, 15)
    assert (run.status, run.exit_code) == ("failed", 1)
    assert run.error == "the process ended with exit code 1; see the log"
    log = lab.log_tail(run.id)
    assert "about to crash" in log
    assert "RuntimeError: the demo crashed" in log


def test_a_failure_that_the_run_explains_keeps_its_words(lab: Lab) -> None:
    run = lab.wait(lab.launch("demo", {"behaviour": "fails"}).id, 15)
    assert (run.status, run.exit_code, run.error) == ("failed", 1, "the loss is not a number at step 1")


def test_an_exit_without_end_event_is_a_failure(lab: Lab) -> None:
    run = lab.wait(lab.launch("demo", {"behaviour": "silent"}).id, 15)
    assert (run.status, run.exit_code) == ("failed", 0)
    assert "without an `end` event" in run.error


def test_garbage_among_the_events_is_reported_and_passed_over(lab: Lab) -> None:
    run = lab.wait(lab.launch("demo", {"behaviour": "garbage"}).id, 15)
    assert run.status == "completed"
    told = lab.curves(run.id)
    assert [problem.line for problem in told.problems] == [2, 3, 4]
    assert [problem.rule for problem in told.problems] == ["not-json", "not-an-event", "not-json"]
    assert told.train["loss"].steps == (1, 2, 3)


def test_a_huge_log_does_not_block_the_run_and_only_its_tail_is_read(lab: Lab, home: Path) -> None:
    run = lab.wait(lab.launch("demo", {"behaviour": "huge_log"}).id, 20)
    assert run.status == "completed"
    assert (home / run.id / "log.txt").stat().st_size > 3 * 1024**2
    tail = lab.log_tail(run.id, max_bytes=5000)
    assert len(tail) <= 5000
    assert tail.endswith("the last line\n")
    assert tail.startswith("xxx")
    assert len(tail.splitlines()[0]) == 1023


def test_a_run_that_floods_its_log_is_ended(lab: Lab, home: Path) -> None:
    run = lab.wait(lab.launch("demo", {"behaviour": "runaway"}).id, 30)
    assert run.status == "failed"
    assert run.error == f"the run was ended because log.txt grew beyond {MAX_LOG // 1024**2} MiB; write less often"
    assert run.exit_code == -9
    assert (home / run.id / "log.txt").stat().st_size < 64 * MAX_LOG


def test_a_value_that_is_not_finite_is_kept_as_none(lab: Lab) -> None:
    run = lab.wait(lab.launch("demo", {"behaviour": "not_finite"}).id, 15)
    assert lab.curves(run.id).train["loss"].values[0] is None


def test_a_run_ends_at_its_time_limit(lab: Lab) -> None:
    run = lab.wait(lab.launch("demo", {"steps": 100, "pause": 0.1}, max_seconds=0.5).id, 15)
    assert run.status == "failed"
    assert run.error.startswith("the run was ended at its time limit of 0.5 s")
    assert run.exit_code == 130, "it was asked to finish before it was killed"


def test_what_a_run_leaves_behind_is_ended_with_it(lab: Lab, home: Path) -> None:
    run = lab.wait(lab.launch("demo", {"behaviour": "leaves_child"}).id, 15)
    assert run.status == "completed"
    pids = json.loads((home / run.id / "pids.json").read_text())
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)


def test_unknown_keys_are_refused_by_name(lab: Lab, home: Path) -> None:
    for key in ("no-such", "", "../demo", "demo; rm -rf /", "DEMO"):
        with pytest.raises(UnknownImplementationError, match="Choose one of: demo"):
            lab.launch(key, {})
    assert not home.exists(), "a refused launch leaves nothing"


@pytest.mark.parametrize(
    ("config", "place", "fix"),
    [
        ({"steps": 0}, "config.steps", "Give a whole number from 1 to 9999 (steps)"),
        ({"steps": "many"}, "config.steps", "Give a whole number from 1 to 9999 (steps)"),
        ({"pause": float("nan")}, "config.pause", "Give a number from 0 to 60 (s)"),
        ({"pause": 61}, "config.pause", "Give a number from 0 to 60 (s)"),
        ({"behaviour": "rm -rf /"}, "config.behaviour", "Give one of ok, crash"),
        ({"stepps": 3}, "config.stepps", "Choose among: behaviour, steps, pause, memory_mib"),
    ],
)
def test_a_wrong_setting_is_named_with_what_may_be_given(
    lab: Lab, home: Path, config: dict[str, object], place: str, fix: str
) -> None:
    with pytest.raises(PreflightError) as caught:
        lab.launch("demo", config)
    finding = caught.value.findings[0]
    assert (finding.severity, finding.place) == ("error", place)
    assert finding.fix.startswith(fix)
    assert fix in str(caught.value)
    assert not home.exists()


def test_every_wrong_setting_is_told_at_once(lab: Lab) -> None:
    checked = lab.preflight("demo", {"steps": 0, "pause": -1, "other": None})
    assert not checked.ok
    places = {finding.place for finding in checked.findings if finding.severity == "error"}
    assert places == {"config.steps", "config.pause", "config.other"}


def test_a_supervisor_that_cannot_start_fails_the_run_and_says_why(
    lab: Lab, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken" / "psutil.py"
    broken.parent.mkdir()
    broken.write_text("raise ImportError('psutil is broken here')")
    path = os.environ["PYTHONPATH"]
    monkeypatch.setenv("PYTHONPATH", f"{broken.parent}:{path}")
    with pytest.raises(SupervisorError, match="psutil is broken here"):
        lab.launch("demo", {})
    run = lab.runs()[0]
    assert run.status == "failed"
    assert "psutil is broken here" in run.error
    monkeypatch.setenv("PYTHONPATH", path)
    assert lab.wait(lab.launch("demo", {}).id, 15).status == "completed"


def test_a_module_that_does_not_exist_fails_the_run(home: Path) -> None:
    lab = Lab(home, [DemoEntry(module="no_such_module_here")], timing=FAST)
    run = lab.wait(lab.launch("demo", {}).id, 15)
    assert (run.status, run.exit_code) == ("failed", 1)
    assert "no_such_module_here" in lab.log_tail(run.id)


def test_the_supervisor_is_reaped_by_the_process_that_started_it(open_lab: Callable[[], Lab], home: Path) -> None:
    lab = open_lab()
    lab.wait(lab.launch("demo", {}).id, 15)
    supervisor = lab.runs()[0].supervisor
    assert until(lambda: not psutil.pid_exists(supervisor.pid), 5), "the supervisor became a zombie"


def test_the_default_home_is_taken_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOE_KB_LAB", str(tmp_path / "elsewhere"))
    lab = Lab(entries=entries())
    assert lab.home == tmp_path / "elsewhere"
    assert lab.runs() == ()
    assert not lab.home.exists(), "looking creates nothing"
    monkeypatch.delenv("MOE_KB_LAB")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert Lab(entries=entries()).home.name == "runs"


def test_the_last_values_of_ended_runs_are_read_once(lab: Lab, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [lab.wait(lab.launch("demo", {"steps": 3}).id, 15) for _ in range(2)]
    opened: list[Path] = []
    real = curves.read_events
    monkeypatch.setattr(curves, "read_events", lambda path, offset: opened.append(path) or real(path, offset))
    for _ in range(3):
        for run in runs:
            told, whole = lab.latest(run), CurveReader(home / run.id / "events.jsonl").read()
            assert told.progress == whole.progress
            assert told.train
            assert all(told.train[name].values == curve.values[-1:] for name, curve in whole.train.items())
    assert len(opened) == 2 + 6, "once for each run, and the six readings of this test itself"
    lab.delete(runs[0].id)
    assert lab.latest(runs[0]).train == {}


def test_the_last_values_of_a_run_under_way_grow(lab: Lab) -> None:
    run = lab.launch("demo", {"steps": 1000, "pause": 0.02})
    assert until(lambda: lab.latest(lab.run(run.id)).train)
    first = lab.latest(lab.run(run.id)).progress
    assert until(lambda: (now := lab.latest(lab.run(run.id)).progress) is not None and now.step > first.step)
    lab.cancel(run.id)
    lab.wait(run.id, 15)
