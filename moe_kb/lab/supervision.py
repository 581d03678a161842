"""Making sure that a home with something to do has a supervisor, and ending what a dead one left behind."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from .errors import SupervisorError
from .events import find_end
from .lock import HomeLock
from .outcome import tail, verdict_of_orphan
from .processes import kill_run
from .store import RunsStore

START_SECONDS = 30.0
MAX_SUPERVISOR_LOG = 1024**2


@dataclass(frozen=True, slots=True)
class Timing:
    """The supervisor's times, in seconds."""

    poll: float = 0.2
    """How often it looks at the run and at requests."""
    grace: float = 10.0
    """From SIGTERM to SIGKILL."""
    idle: float = 5.0
    """How long it stays when nothing is queued."""


def end_orphans(store: RunsStore, home: Path) -> None:
    """Give every running run its true end. Only for the holder of the lock: no supervisor is alive then."""
    for run in store.with_status("running"):
        folder = home / run.id
        kill_run(folder, run.process)
        status, error = verdict_of_orphan(find_end(folder / "events.jsonl"), cancelled=run.cancel_requested is not None)
        store.finish(run.id, status, None, error)


def ensure_supervisor(store: RunsStore, home: Path, timing: Timing) -> None:
    """Return with a supervisor at work if anything is queued, and with no run left that nobody looks after.

    Whoever holds the lock looks again for queued runs after letting go of it, here and in the supervisor;
    so a run that was queued while the lock was taken is always seen by its holder.

    Raises:
        SupervisorError: it could not be started; the queued runs are marked as failed.
    """
    while store.count("queued", "running"):
        lock = HomeLock.acquire(home)
        if lock is None:
            return
        try:
            end_orphans(store, home)
            if store.count("queued"):
                _start(home, lock, timing)
                return
        except SupervisorError as error:
            store.fail_queued(str(error))
            raise
        finally:
            lock.close()


def _start(home: Path, lock: HomeLock, timing: Timing) -> None:
    """Start a supervisor that inherits the lock, and wait until it says that it is up."""
    log_path = home / "supervisor.log"
    ready, says_ready = os.pipe()
    try:
        with log_path.open("ab") as log:
            if log.tell() > MAX_SUPERVISOR_LOG:
                log.truncate(0)
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "moe_kb.lab.supervisor", "--home", str(home)),
                    *("--lock", str(lock.descriptor), "--ready", str(says_ready)),
                    *("--poll", str(timing.poll), "--grace", str(timing.grace), "--idle", str(timing.idle)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=home,
                start_new_session=True,
                pass_fds=(lock.descriptor, says_ready),
            )
        os.close(says_ready)
        says_ready = -1
        # Nobody else would reap it: it outlives this call, and may end before this process does.
        threading.Thread(target=process.wait, daemon=True, name="reap the supervisor").start()
        up, _, _ = select.select([ready], [], [], START_SECONDS)
        if not up or os.read(ready, 1) != b"1":
            last = tail(log_path, 2000).strip().splitlines()[-1:] or ["it said nothing"]
            raise SupervisorError(
                "supervisor", f"it did not start ({last[0][:300]})", f"See {log_path} for the whole message"
            )
    except OSError as error:
        raise SupervisorError(
            "supervisor", f"it could not be started ({error})", "Check the rights on the home folder"
        ) from error
    finally:
        os.close(ready)
        if says_ready >= 0:
            os.close(says_ready)
