"""The record of the runs: one SQLite table in the home folder, shared by every process.

A connection is opened for each call, so that an object can be used from any thread and nothing is held while
a run goes on. Each change of status is one conditional UPDATE: of two processes that try, one succeeds.
"""

from __future__ import annotations

import fcntl
import json
import re
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .errors import InvalidRunIdError, StoreError, UnknownRunError
from .processes import Identity

RunStatus = Literal["queued", "running", "completed", "failed", "cancelled", "lost"]
Ending = Literal["completed", "failed", "cancelled", "lost"]

RUN_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{4}")
SCHEMA_VERSION = 2

_TABLE = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY,
    implementation TEXT NOT NULL,
    module TEXT NOT NULL,
    config TEXT NOT NULL,
    estimate TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'queued'
        CHECK (status IN ('queued', 'running', 'completed', 'failed', 'cancelled', 'lost')),
    created REAL NOT NULL,
    started REAL,
    ended REAL,
    max_seconds REAL NOT NULL,
    pid INTEGER,
    pid_created REAL,
    supervisor_pid INTEGER,
    supervisor_created REAL,
    cancel_requested REAL,
    exit_code INTEGER,
    error TEXT,
    name TEXT
) STRICT
"""
#: What brings a database of each earlier version to the next one.
_STEPS = {1: "ALTER TABLE runs ADD COLUMN name TEXT"}


@dataclass(frozen=True, slots=True)
class RunEstimate:
    """What the implementation expected of the run, as recorded at launch."""

    memory_bytes: int
    seconds: float
    params_total: int
    params_active: int


@dataclass(frozen=True, slots=True)
class Run:
    """One run as recorded. Times are seconds since 1970-01-01 UTC."""

    id: str
    implementation: str
    module: str
    config: dict[str, Any]
    estimate: RunEstimate
    status: RunStatus
    created: float
    started: float | None
    ended: float | None
    max_seconds: float
    process: Identity | None
    supervisor: Identity | None
    cancel_requested: float | None
    exit_code: int | None
    error: str | None
    name: str | None = None
    """What a person called it."""

    @property
    def active(self) -> bool:
        """Whether it is queued or under way."""
        return self.status in ("queued", "running")

    @property
    def seconds(self) -> float | None:
        """Wall-clock time from start to end, or until now; None before the start."""
        if self.started is None:
            return None
        return (self.ended if self.ended is not None else time.time()) - self.started


def new_run_id() -> str:
    """Make an id that sorts by time (UTC), such as 20261122-112233-abcd."""
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime()) + "-" + secrets.token_hex(2)


def check_run_id(run_id: str) -> str:
    """Return the id, or raise InvalidRunIdError: an id becomes a folder name, so nothing else may pass."""
    if not RUN_ID.fullmatch(run_id):
        raise InvalidRunIdError(
            "run id", f"{run_id[:80]!r} is not a run id", "Ids look like 20261122-112233-abcd; list the runs"
        )
    return run_id


class RunsStore:
    """The runs of one home folder."""

    def __init__(self, home: Path) -> None:
        """Open the database of `home`, an existing folder; create the table, or bring an earlier one up to date.

        Raises:
            StoreError: the file is not a database of this version, or cannot be written.
        """
        self.path = home / "runs.db"
        if self._version() < SCHEMA_VERSION:
            # SQLite does not wait when two connections switch a new file to WAL: one fails at once.
            with (home / "runs.db.lock").open("ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if (version := self._version()) == 0:
                    self._create()
                else:
                    self._upgrade(version)
        version = self._version()
        if version != SCHEMA_VERSION:
            raise StoreError(
                str(self.path),
                f"it has schema version {version}, and this program reads {SCHEMA_VERSION}",
                "Update moe-kb, or set MOE_KB_LAB to another folder",
            )

    def _version(self) -> int:
        with self._connection() as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])

    def _create(self) -> None:
        with self._connection() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(_TABLE)
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def _upgrade(self, version: int) -> None:
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            for step in range(version, SCHEMA_VERSION):
                connection.execute(_STEPS[step])
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            connection.execute("COMMIT")

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self.path, timeout=10, isolation_level=None)
            try:
                connection.row_factory = sqlite3.Row
                yield connection
            finally:
                connection.close()
        except (sqlite3.Error, ValueError, TypeError, RecursionError) as error:  # or its rows hold what no run has
            raise StoreError(
                str(self.path),
                f"the database of the runs cannot be used ({error})",
                "Check the disk and the rights; if it is damaged, move it away: the folders of the runs stay",
            ) from error

    def _change(self, statement: str, *values: object) -> bool:
        with self._connection() as connection:
            return connection.execute(statement, values).rowcount > 0

    def add(
        self,
        run_id: str,
        implementation: str,
        module: str,
        config: dict[str, Any],
        estimate: RunEstimate,
        max_seconds: float,
        *,
        name: str | None = None,
    ) -> None:
        """Queue a run."""
        self._change(
            "INSERT INTO runs (id, implementation, module, config, estimate, created, max_seconds, name)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            run_id,
            implementation,
            module,
            json.dumps(config),
            json.dumps([estimate.memory_bytes, estimate.seconds, estimate.params_total, estimate.params_active]),
            time.time(),
            max_seconds,
            name,
        )

    def rename(self, run_id: str, name: str | None) -> bool:
        """Call a run something; None for nothing. False if there is no such run."""
        return self._change("UPDATE runs SET name = ? WHERE id = ?", name, run_id)

    def get(self, run_id: str) -> Run:
        """Return one run.

        Raises:
            UnknownRunError: there is none with this id.
        """
        with self._connection() as connection:
            row = connection.execute("SELECT * FROM runs WHERE id = ?", (run_id,)).fetchone()
            if row is not None:
                return _run(row)
        raise UnknownRunError(f"run {run_id}", "there is no such run here", "List the runs for their ids")

    def newest(self, limit: int) -> tuple[Run, ...]:
        """Return the runs, newest first."""
        with self._connection() as connection:
            rows = connection.execute("SELECT * FROM runs ORDER BY rowid DESC LIMIT ?", (limit,)).fetchall()
            return tuple(_run(row) for row in rows)

    def with_status(self, status: RunStatus) -> tuple[Run, ...]:
        """Return the runs of one status, oldest first."""
        with self._connection() as connection:
            rows = connection.execute("SELECT * FROM runs WHERE status = ? ORDER BY rowid", (status,)).fetchall()
            return tuple(_run(row) for row in rows)

    def count(self, *statuses: RunStatus) -> int:
        """Count the runs of these statuses."""
        marks = ", ".join("?" * len(statuses))
        with self._connection() as connection:
            row = connection.execute(f"SELECT count(*) FROM runs WHERE status IN ({marks})", statuses)
            return int(row.fetchone()[0])

    def claim(self, supervisor: Identity) -> Run | None:
        """Take the oldest queued run for this supervisor: it is running from now on."""
        with self._connection() as connection:
            row = connection.execute(
                "UPDATE runs SET status = 'running', started = ?, supervisor_pid = ?, supervisor_created = ?"
                " WHERE id = (SELECT id FROM runs WHERE status = 'queued' ORDER BY rowid LIMIT 1)"
                " RETURNING *",
                (time.time(), supervisor.pid, supervisor.created),
            ).fetchone()
            return None if row is None else _run(row)

    def record_process(self, run_id: str, process: Identity) -> None:
        """Record the process of a running run."""
        self._change("UPDATE runs SET pid = ?, pid_created = ? WHERE id = ?", process.pid, process.created, run_id)

    def cancel_queued(self, run_id: str) -> bool:
        """Cancel the run if it has not started; False if it has."""
        now = time.time()
        return self._change(
            "UPDATE runs SET status = 'cancelled', ended = ?, cancel_requested = ? WHERE id = ? AND status = 'queued'",
            now,
            now,
            run_id,
        )

    def request_cancel(self, run_id: str) -> bool:
        """Ask the supervisor to end a running run; False if it is not running."""
        return self._change(
            "UPDATE runs SET cancel_requested = coalesce(cancel_requested, ?) WHERE id = ? AND status = 'running'",
            time.time(),
            run_id,
        )

    def finish(self, run_id: str, status: Ending, exit_code: int | None, error: str | None) -> bool:
        """Record how a running run ended; False if another process already did."""
        return self._change(
            "UPDATE runs SET status = ?, ended = ?, exit_code = ?, error = ? WHERE id = ? AND status = 'running'",
            status,
            time.time(),
            exit_code,
            error,
            run_id,
        )

    def fail_queued(self, error: str) -> None:
        """Mark every queued run as failed: nothing can start them."""
        self._change(
            "UPDATE runs SET status = 'failed', ended = ?, error = ? WHERE status = 'queued'", time.time(), error
        )

    def delete(self, run_id: str) -> bool:
        """Forget a run that has ended; False if it has not."""
        return self._change("DELETE FROM runs WHERE id = ? AND status NOT IN ('queued', 'running')", run_id)


def _run(row: sqlite3.Row) -> Run:
    values = dict(row)
    values |= {"config": json.loads(row["config"]), "estimate": RunEstimate(*json.loads(row["estimate"]))}
    values["process"] = _identity(values.pop("pid"), values.pop("pid_created"))
    values["supervisor"] = _identity(values.pop("supervisor_pid"), values.pop("supervisor_created"))
    return Run(**values)


def _identity(pid: int | None, created: float | None) -> Identity | None:
    return None if pid is None or created is None else Identity(pid, created)
