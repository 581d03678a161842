"""The one process that runs what is queued: `python -m moe_kb.lab.supervisor --home DIR`.

It lives apart from the app (own session, nothing but files as its output), so that a reload, a crash or a
restart of the app leaves the runs alone; it ends by itself when nothing has been queued for some seconds.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from .catalogue import KEY, MODULE
from .events import MAX_FILE, find_end
from .lock import HomeLock
from .outcome import Verdict, verdict
from .processes import MARK, Identity, kill_run
from .store import Run, RunsStore
from .supervision import Timing, end_orphans

MAX_LOG = 64 * 1024**2
"""Largest log.txt in bytes; a run that writes more is ended before it fills the disk."""

log = logging.getLogger("moe_kb.lab.supervisor")


class Supervisor:
    """Runs the queue of one home, one run at a time."""

    def __init__(self, home: Path, timing: Timing) -> None:
        """Open the home's store; the caller holds the lock."""
        self.home = home
        self.store = RunsStore(home)
        self.timing = timing
        self.identity = Identity.own()
        self.asked_to_stop = False

    def stop(self, signal_number: int, _frame: FrameType | None) -> None:
        """Take note of SIGTERM or SIGINT: the run under way is cancelled, the queued ones stay queued."""
        log.info("asked to stop by %s", signal.Signals(signal_number).name)
        self.asked_to_stop = True

    def serve(self) -> None:
        """Run what is queued until nothing has come for the idle time."""
        end_orphans(self.store, self.home)
        quiet_since = time.monotonic()
        while not self.asked_to_stop and time.monotonic() - quiet_since < self.timing.idle:
            run = self.store.claim(self.identity)
            if run is None:
                time.sleep(self.timing.poll)
                continue
            self.perform(run)
            quiet_since = time.monotonic()

    def perform(self, run: Run) -> None:
        """Take one claimed run to its end, whatever happens."""
        folder = self.home / run.id
        log.info("run %s (%s) starts", run.id, run.implementation)
        try:
            child = self._start(run, folder)
        except (OSError, ValueError) as error:
            self.store.finish(run.id, "failed", None, f"it could not be started: {error}")
            return
        leader = None
        try:
            leader = Identity.of(child.pid)
            self.store.record_process(run.id, leader)
            status, error_text = self._watch(run, folder, child)
        finally:
            # Also after a normal end: a run leaves no process behind.
            kill_run(folder, leader if child.returncode is None else None)
            child.wait()
        if status == "cancelled" and self.asked_to_stop:
            error_text = "the supervisor was asked to stop"  # a person who did not cancel should know
        self.store.finish(run.id, status, child.returncode, error_text)
        log.info("run %s ends: %s", run.id, status)

    def _start(self, run: Run, folder: Path) -> subprocess.Popen[bytes]:
        # The launcher checked both; they reach a command line here, so they are checked where they are used.
        if not MODULE.fullmatch(run.module) or not KEY.fullmatch(run.implementation):
            raise ValueError("its implementation's key or module is not a plain name")
        command = [sys.executable, "-m", run.module, "run", run.implementation]
        command += ["--config", str(folder / "config.json"), "--run-dir", str(folder)]
        with (folder / "log.txt").open("ab") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, MARK: str(folder), "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )

    def _watch(self, run: Run, folder: Path, child: subprocess.Popen[bytes]) -> Verdict:
        """Wait for the end; pass on a request to cancel, and enforce the limits."""
        deadline = time.monotonic() + run.max_seconds
        cancelled, because = False, None
        kill_at: float | None = None
        while True:
            try:
                exit_code = child.wait(timeout=self.timing.poll)
            except subprocess.TimeoutExpired:
                exit_code = None
            if exit_code is not None:
                return verdict(exit_code, find_end(folder / "events.jsonl"), cancelled, because)
            if kill_at is None:
                cancelled = self.asked_to_stop or self.store.get(run.id).cancel_requested is not None
                because = None if cancelled else _limit_reached(run, folder, deadline)
                if cancelled or because:
                    child.terminate()
                    kill_at = time.monotonic() + self.timing.grace
            elif time.monotonic() >= kill_at:
                kill_run(folder, Identity.of(child.pid))


def _limit_reached(run: Run, folder: Path, deadline: float) -> str | None:
    if time.monotonic() >= deadline:
        return (
            f"the run was ended at its time limit of {run.max_seconds:g} s; "
            "take fewer steps or launch it with a larger limit"
        )
    for name, limit in (("log.txt", MAX_LOG), ("events.jsonl", MAX_FILE)):
        try:
            size = (folder / name).stat().st_size
        except OSError:
            continue
        if size > limit:
            return f"the run was ended because {name} grew beyond {limit // 1024**2} MiB; write less often"
    return None


def main(arguments: list[str] | None = None) -> int:
    """Hold the lock, serve, and let go; 3 when another supervisor has this home."""
    parser = argparse.ArgumentParser(prog="python -m moe_kb.lab.supervisor", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--lock", type=int, help="inherited descriptor that holds the lock")
    parser.add_argument("--ready", type=int, help="inherited descriptor to write to once up")
    for name in ("poll", "grace", "idle"):
        default = getattr(Timing(), name)
        parser.add_argument(f"--{name}", type=float, default=default, help=f"seconds (default {default})")
    given = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(process)d %(message)s")

    home: Path = given.home.resolve()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = HomeLock.acquire(home) if given.lock is None else HomeLock(given.lock)
    if lock is None:
        log.info("another supervisor serves %s", home)
        return 3
    supervisor = Supervisor(home, Timing(given.poll, given.grace, given.idle))
    signal.signal(signal.SIGTERM, supervisor.stop)
    signal.signal(signal.SIGINT, supervisor.stop)
    if given.ready is not None:
        os.write(given.ready, b"1")
        os.close(given.ready)
    while lock is not None:
        try:
            supervisor.serve()
        finally:
            lock.close()
        # A run queued between the last look and letting go found the lock taken: look again.
        again = not supervisor.asked_to_stop and supervisor.store.count("queued")
        lock = HomeLock.acquire(home) if again else None
    return 0


if __name__ == "__main__":
    sys.exit(main())
