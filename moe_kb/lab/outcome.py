"""How a run ended, judged from its exit code, its last event and why it was stopped, if it was."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from .events import End, open_regular
from .store import Ending

Verdict = tuple[Ending, str | None]


def verdict(exit_code: int, end: End | None, cancelled: bool, stopped_because: str | None) -> Verdict:
    """Return the status and the error text of a process that has ended.

    `stopped_because` is the supervisor's own reason to stop the run (a limit was reached), None otherwise.
    A run that wrote that it completed has completed, even when a request to stop came in its last moment.
    """
    if end is not None and end.status == "completed" and exit_code == 0:
        return "completed", None
    if stopped_because is not None:
        return "failed", stopped_because
    if cancelled:
        return "cancelled", None
    if end is not None and end.status != "completed":
        return end.status, end.error
    if exit_code == 0:
        return "failed", "the process ended without an `end` event; see the log"
    return "failed", f"the process ended with {describe_exit(exit_code)}; see the log"


def verdict_of_orphan(end: End | None, cancelled: bool) -> Verdict:
    """Return the same for a run whose supervisor is gone, so that nobody saw the exit code."""
    if end is not None:
        return end.status, end.error
    if cancelled:
        return "cancelled", None
    return "lost", "its supervisor ended before the run did, and what was left of the run was ended"


def describe_exit(exit_code: int) -> str:
    """Say an exit code of subprocess (negative: a signal) in words."""
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return f"signal {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"signal {-exit_code}"


def tail(path: Path, max_bytes: int) -> str:
    """Return the last bytes of a text file, from the start of a line where possible; empty without a file."""
    file = open_regular(path)
    if file is None:
        return ""
    with file:
        start = max(0, os.fstat(file.fileno()).st_size - max_bytes)
        file.seek(start)
        data = file.read(max_bytes)
    if start and b"\n" in data[:-1]:
        data = data[data.index(b"\n") + 1 :]
    return data.decode("utf-8", errors="replace")
