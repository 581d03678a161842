"""Looking at the processes of a home, for the tests."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from moe_kb.lab import Timing
from moe_kb.lab.processes import MARK

FAST = Timing(poll=0.05, grace=0.5, idle=0.3)


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
    return [process for process in processes_in(home) if "moe_kb.lab.supervisor" in _command_of(process)]


def _command_of(process: psutil.Process) -> list[str]:
    """Its words; none if it has ended since it was found."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


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
