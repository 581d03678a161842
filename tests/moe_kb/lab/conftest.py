"""Homes and labs of the tests, with the fake package importable here and in the started processes."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(HERE))

from fake_package.entries import entries  # noqa: E402

from moe_kb.lab import Lab, Timing  # noqa: E402
from moe_kb.lab.processes import MARK  # noqa: E402

FAST = Timing(poll=0.05, grace=0.5, idle=0.3)


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(HERE)]))
    monkeypatch.delenv("MOE_KB_LAB", raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home folder; whatever a test leaves running in it is ended, and noticed if it will not end."""
    path = tmp_path / "home"
    yield path
    for process in processes_in(path):
        process.send_signal(signal.SIGKILL)
    assert until(lambda: not processes_in(path), 5), "processes were left behind"


@pytest.fixture
def open_lab(home: Path) -> Callable[[], Lab]:
    """Open a lab on the home, as a newly started app would."""
    return lambda: Lab(home, entries(), timing=FAST)


@pytest.fixture
def lab(open_lab: Callable[[], Lab]) -> Lab:
    return open_lab()


def processes_in(home: Path) -> list[psutil.Process]:
    """Living processes of a home: its supervisors and all that carries the mark of one of its runs."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
                continue
            mark = process.environ().get(MARK, "")
            if mark.startswith(f"{home}{os.sep}") or str(home) in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


def supervisors_in(home: Path) -> list[psutil.Process]:
    return [process for process in processes_in(home) if "moe_kb.lab.supervisor" in process.cmdline()]


def until(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    """Wait for a condition; False if it has not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.03)
    return True


def gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
