"""Processes identified for certain, and ended with all that they started.

A pid alone is not an identity (it is reused), so the create time goes with it. A process group alone is
not the whole of a run (a grandchild may leave it), so each run's processes carry a mark in their environment.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

MARK = "MOE_KB_RUN"
"""Environment variable that holds the run's folder in every process of the run."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A process: its pid and when it was created (seconds since 1970-01-01 UTC)."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> Self:
        """Identify a process that exists.

        Raises:
            psutil.NoSuchProcess: it does not.
        """
        return cls(pid, psutil.Process(pid).create_time())

    @classmethod
    def own(cls) -> Self:
        """Identify this process."""
        return cls.of(os.getpid())

    def alive(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        try:
            process = psutil.Process(self.pid)
            # Create times come from the boot time, which moves by a second when the clock is set.
            same = abs(process.create_time() - self.created) < 2
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


def kill_run(folder: Path, leader: Identity | None, seconds: float = 5.0) -> None:
    """Kill every process of the run in `folder`: the leader's group, and whatever carries the mark.

    Returns when none is left, or after `seconds`.
    """
    if leader is not None and leader.alive():
        with suppress(ProcessLookupError, PermissionError):  # it ended in between; the mark finds the rest
            os.killpg(leader.pid, signal.SIGKILL)
    deadline = time.monotonic() + seconds
    while (marked := processes_of(folder)) and time.monotonic() < deadline:
        for process in marked:
            try:
                process.kill()
            except psutil.Error:
                continue
        # Not psutil.wait_procs: it would reap our own child, and its exit code would be lost.
        time.sleep(0.02)


def processes_of(folder: Path) -> list[psutil.Process]:
    """Find the living processes that carry this run's mark, this process left out."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or process.environ().get(MARK) != str(folder):
                continue
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue  # another user's, or gone
    return found
