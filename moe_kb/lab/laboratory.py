"""`Lab`: the one object through which the app, the command line and a notebook run implementations."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import BaseModel

from moe_kb.files import write_text

from .catalogue import Catalogue, catalogue_of, installed_catalogue
from .curves import CurveReader, RunCurves
from .errors import ActiveRunError, Finding, HomeError, PreflightError, SupervisorError, UnknownRunError
from .events import EventBatch, read_events
from .hardware import probe
from .outcome import tail
from .preflight import Preflight, Situation, invalid_settings, preflight
from .protocol import Entry
from .store import Run, RunsStore, check_run_id, new_run_id
from .supervision import Timing, ensure_supervisor

HOME_VARIABLE = "MOE_KB_LAB"
MAX_SECONDS = 3600.0
MAX_TAIL = 1024**2
MAX_NAME = 80
MAX_READERS = 8
"""Runs whose curves are kept in memory."""


def default_home() -> Path:
    """Return the folder of the runs: the one in MOE_KB_LAB, or one in the user's data folder."""
    chosen = os.environ.get(HOME_VARIABLE)
    return Path(chosen).expanduser().absolute() if chosen else platformdirs.user_data_path("moe-kb") / "runs"


class Lab:
    """The laboratory over one home folder.

    Any number of `Lab` objects, in any number of processes and threads, may share a home: what is going on is
    in the home's database and in its one supervisor process, never in this object.
    """

    def __init__(
        self,
        home: Path | str | None = None,
        entries: Iterable[Entry] | None = None,
        *,
        max_seconds: float = MAX_SECONDS,
        timing: Timing | None = None,
        only_look: bool = False,
    ) -> None:
        """Open a home (default: `default_home()`), and end what a dead supervisor left in it.

        Args:
            home: folder of the runs; made at the first launch.
            entries: implementations to offer; by default those of the installed packages.
            max_seconds: wall-clock limit of a run, unless `launch` gives another.
            timing: times of the supervisor, when this object starts it.
            only_look: leave what a dead supervisor left as it is; only a launch then starts a process.

        Raises:
            HomeError: the home cannot be a folder of ours.
            StoreError: its database cannot be used.
        """
        self.home = (default_home() if home is None else Path(home)).resolve()
        self.max_seconds = max_seconds
        self.timing = timing or Timing()
        self.only_look = only_look
        self._entries = None if entries is None else tuple(entries)
        self._opened: RunsStore | None = None
        self._lock = threading.Lock()
        self._readers: dict[str, CurveReader] = {}
        self._ended: dict[str, RunCurves] = {}
        self._look_after()

    # What can be run

    @cached_property
    def _catalogue(self) -> Catalogue:
        return installed_catalogue() if self._entries is None else catalogue_of(self._entries)

    def catalogue(self) -> tuple[Entry, ...]:
        """Return the implementations, by key."""
        return self._catalogue.entries

    def problems(self) -> tuple[Finding, ...]:
        """Return what was left out of the catalogue, and why."""
        return self._catalogue.problems

    def entry(self, key: str) -> Entry:
        """Return one implementation; UnknownImplementationError if there is none."""
        return self._catalogue.entry(key)

    def current_key(self, key: str) -> str:
        """Return the key that is used today for an earlier key; a run, say, may be older than its implementation's."""
        return self._catalogue.current_key(key)

    # Starting

    def preflight(
        self, key: str, config: Mapping[str, Any] | BaseModel, *, max_seconds: float | None = None
    ) -> Preflight:
        """Check a configuration and the machine without starting anything."""
        store = self._store()
        situation = Situation(
            hardware=probe(gpus=False),
            disk_free=_disk_free(self.home),
            running=store.count("running") if store else 0,
            queued=store.count("queued") if store else 0,
            max_seconds=self.max_seconds if max_seconds is None else max_seconds,
        )
        return preflight(self.entry(key), config, situation)

    def invalid_settings(self, key: str, config: Mapping[str, Any]) -> tuple[Finding, ...]:
        """Return what is wrong with a configuration by itself: at once, while `preflight` imports torch."""
        return invalid_settings(self.entry(key), config)

    def launch(
        self,
        key: str,
        config: Mapping[str, Any] | BaseModel,
        *,
        max_seconds: float | None = None,
        name: str | None = None,
    ) -> Run:
        """Check, record and queue a run, and make sure that something runs the queue.

        Args:
            key: of the implementation.
            config: its settings; those absent have their defaults.
            max_seconds: wall-clock limit of this run.
            name: what to call it, see `rename`.

        Raises:
            UnknownImplementationError: the catalogue has no such key.
            PreflightError: the checks found an error; it carries all findings.
            SupervisorError: nothing can run it; the run is recorded as failed.
        """
        entry = self.entry(key)
        limit = self.max_seconds if max_seconds is None else max_seconds
        checked = self.preflight(key, config, max_seconds=limit)
        if not checked.ok or checked.config is None or checked.estimate is None:
            raise PreflightError(key, checked.findings)
        store = self._make_home()
        folder = self._new_folder()
        write_text(folder / "config.json", json.dumps(checked.config, indent=2) + "\n")
        store.add(folder.name, entry.key, entry.module, checked.config, checked.estimate, limit, name=_name(name))
        ensure_supervisor(store, self.home, self.timing)
        return store.get(folder.name)

    # Looking

    def runs(self, limit: int = 100) -> tuple[Run, ...]:
        """Return the latest runs, newest first."""
        self._look_after()
        store = self._store()
        return store.newest(limit) if store else ()

    def run(self, run_id: str) -> Run:
        """Return one run; InvalidRunIdError or UnknownRunError if there is none."""
        check_run_id(run_id)
        self._look_after()
        store = self._store()
        if store is None:
            raise UnknownRunError(f"run {run_id}", "there are no runs here yet", "Launch one")
        return store.get(run_id)

    def folder(self, run_id: str) -> Path:
        """Return the folder of a run."""
        return self.home / check_run_id(run_id)

    def events(self, run_id: str, offset: int = 0) -> EventBatch:
        """Return the events after `offset` (bytes), and the offset to ask from next time."""
        return read_events(self.folder(run_id) / "events.jsonl", offset)

    def curves(self, run_id: str, max_points: int = 1000) -> RunCurves:
        """Return all that the run has reported, as series for charts."""
        path = self.folder(run_id) / "events.jsonl"
        with self._lock:
            reader = self._readers.pop(run_id, None) or CurveReader(path)
            self._readers[run_id] = reader  # last: the most recently asked for
            while len(self._readers) > MAX_READERS:
                del self._readers[next(iter(self._readers))]
        return reader.read(max_points)

    def latest(self, run: Run) -> RunCurves:
        """Return what the run reported last: one point a curve, for a list of runs that is shown over and over.

        What a run that has ended reported is read once and kept, without messages and problems.
        """
        if run.active:
            return self.curves(run.id, max_points=1)
        with self._lock:
            known = self._ended.get(run.id)
        if known is None:
            reported = CurveReader(self.folder(run.id) / "events.jsonl").read(max_points=1)
            known = replace(reported, messages=(), problems=())
            with self._lock:
                self._ended[run.id] = known
        return known

    def log_tail(self, run_id: str, max_bytes: int = 16_384) -> str:
        """Return the end of what the run printed, at most `max_bytes` (and 1 MiB) of it."""
        return tail(self.folder(run_id) / "log.txt", max(1, min(max_bytes, MAX_TAIL)))

    def wait(self, run_id: str, timeout: float, poll: float = 0.1) -> Run:
        """Wait until the run has ended.

        Raises:
            TimeoutError: it has not after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while (run := self.run(run_id)).active:
            if time.monotonic() >= deadline:
                raise TimeoutError(f"run {run_id} is still {run.status} after {timeout:g} s")
            time.sleep(poll)
        return run

    # Ending

    def cancel(self, run_id: str) -> Run:
        """Cancel a run: at once if queued, soon if under way; one that has ended stays as it is."""
        self.run(run_id)
        store = self._make_home()
        if not store.cancel_queued(run_id):
            store.request_cancel(run_id)
        return self.run(run_id)

    def rename(self, run_id: str, name: str | None) -> Run:
        """Call a run something: the printable signs of a line of at most 80; nothing takes its name away."""
        self.run(run_id)
        self._make_home().rename(run_id, _name(name))
        return self.run(run_id)

    def delete(self, run_id: str) -> None:
        """Forget a run that has ended, and remove its folder.

        Raises:
            ActiveRunError: it has not ended.
            HomeError: its folder is not a plain folder in the home, or cannot be removed.
        """
        if self.run(run_id).active:
            raise ActiveRunError(f"run {run_id}", "it has not ended", "Cancel it first")
        folder = self.folder(run_id)
        if folder.is_symlink() or (folder.exists() and folder.resolve().parent != self.home.resolve()):
            raise HomeError(str(folder), "it is not a folder in the home of the runs", "Look at it and remove it")
        try:
            if folder.exists():
                shutil.rmtree(folder)
        except OSError as error:
            raise HomeError(str(folder), f"it cannot be removed ({error})", "Check its rights") from error
        self._make_home().delete(run_id)
        with self._lock:
            self._readers.pop(run_id, None)
            self._ended.pop(run_id, None)

    # The home

    def _store(self) -> RunsStore | None:
        """Return the store, or None while the home has none: looking must not create anything."""
        if not (self.home / "runs.db").exists():
            self._opened = None
        elif self._opened is None:
            self._opened = RunsStore(self.home)
        return self._opened

    def _make_home(self) -> RunsStore:
        store = self._store()
        if store is None:
            try:
                self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise HomeError(
                    str(self.home), f"it cannot hold the runs ({error})", f"Set {HOME_VARIABLE} to another folder"
                ) from error
            store = self._opened = RunsStore(self.home)
        return store

    def _new_folder(self) -> Path:
        while True:
            folder = self.home / new_run_id()
            try:
                folder.mkdir(mode=0o700)
                return folder
            except FileExistsError:
                continue  # four hex digits within the same second: draw again
            except OSError as error:
                raise HomeError(
                    str(folder), f"it cannot be made ({error})", f"Set {HOME_VARIABLE} to another folder"
                ) from error

    def _look_after(self) -> None:
        """Notice a supervisor that died: its run gets its true end, and the queue another supervisor."""
        store = self._store()
        if store is not None and not self.only_look:
            with suppress(SupervisorError):  # the runs that it concerned say so themselves, as failed
                ensure_supervisor(store, self.home, self.timing)


def _name(text: str | None) -> str | None:
    """A name as it is kept: one line, without signs that nobody sees."""
    line = "".join(sign if sign.isprintable() else " " for sign in text or "")
    return " ".join(line.split())[:MAX_NAME].rstrip() or None


def _disk_free(path: Path) -> int:
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    return shutil.disk_usage(existing).free
