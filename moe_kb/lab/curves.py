"""A run's events as plain series for charts: each metric by step, the last loads of each layer."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .events import AnyEvent, End, EventProblem, Message, Metrics, Progress, Start, read_events

MAX_PROBLEMS_KEPT = 200
MAX_LOADS_KEPT = 200  # of a layer; with more, every second one goes


@dataclass(frozen=True, slots=True)
class Curve:
    """One metric over the steps; None is a value that was not finite."""

    steps: tuple[int, ...]
    values: tuple[float | None, ...]

    def thinned(self, points: int) -> Curve:
        """Return at most about `points` of the points, evenly taken, the last one always among them."""
        stride = -(-len(self.steps) // points)
        if stride <= 1:
            return self
        picked = range((len(self.steps) - 1) % stride, len(self.steps), stride)
        return Curve(tuple(self.steps[i] for i in picked), tuple(self.values[i] for i in picked))


@dataclass(frozen=True, slots=True)
class Loads:
    """How a layer's assignments fell on its experts, at the last step that reported it."""

    step: int
    split: Literal["train", "valid"]
    experts: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RunCurves:
    """What a run's events have reported so far."""

    start: Start | None
    progress: Progress | None
    end: End | None
    train: dict[str, Curve]
    valid: dict[str, Curve]
    loads: dict[str, Loads]
    """By layer."""
    messages: tuple[Message, ...]
    problems: tuple[EventProblem, ...]
    """The first lines that were not events."""
    load_history: dict[str, tuple[Loads, ...]] = field(default_factory=dict)
    """By layer, what training reported of its loads from the first to the last; thinned in long runs."""


class CurveReader:
    """Follows one events file; each reading takes only what is new, so that a page may poll a long run.

    May be shared by threads.
    """

    def __init__(self, path: Path) -> None:
        """Follow the file at `path`, which need not exist yet."""
        self.path = path
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._offset = 0
        self._start: Start | None = None
        self._progress: Progress | None = None
        self._end: End | None = None
        self._points: dict[str, dict[str, _Points]] = {"train": {}, "valid": {}}
        self._loads: dict[str, Loads] = {}
        self._load_history: dict[str, list[Loads]] = {}
        self._messages: list[Message] = []
        self._problems: list[EventProblem] = []

    def read(self, max_points: int = 1000) -> RunCurves:
        """Return all that the file has reported up to now, at most about `max_points` points a curve."""
        with self._lock:
            more = True
            while more:
                batch = read_events(self.path, self._offset)
                if batch.offset < self._offset:  # the file was replaced by a shorter one
                    self._forget()
                    continue
                for event in batch.events:
                    self._add(event)
                self._problems += batch.problems[: MAX_PROBLEMS_KEPT - len(self._problems)]
                more = batch.more
                self._offset = batch.offset
            return RunCurves(
                start=self._start,
                progress=self._progress,
                end=self._end,
                train=_curves(self._points["train"], max_points),
                valid=_curves(self._points["valid"], max_points),
                loads=dict(self._loads),
                messages=tuple(self._messages),
                problems=tuple(self._problems),
                load_history={layer: tuple(loads) for layer, loads in self._load_history.items()},
            )

    def _add(self, event: AnyEvent) -> None:
        match event:
            case Metrics():
                for name, value in event.values.items():
                    steps, values = self._points[event.split].setdefault(name, ([], []))
                    steps.append(event.step)
                    values.append(value)
                for layer, experts in event.loads.items():
                    self._loads[layer] = Loads(event.step, event.split, tuple(experts))
                    if event.split == "valid":
                        continue
                    history = self._load_history.setdefault(layer, [])
                    history.append(self._loads[layer])
                    if len(history) > MAX_LOADS_KEPT:
                        del history[1:-1:2]
            case Progress():
                self._progress = event
            case Message():
                self._messages.append(event)
            case Start():
                self._start = event
            case End():
                self._end = event


_Points = tuple[list[int], list[float | None]]


def _curves(points: dict[str, _Points], max_points: int) -> dict[str, Curve]:
    return {name: Curve(tuple(steps), tuple(values)).thinned(max_points) for name, (steps, values) in points.items()}
