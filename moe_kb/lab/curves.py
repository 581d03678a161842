"""A run's events as plain series for charts: each metric by step, the last loads of each layer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .events import AnyEvent, End, EventProblem, Message, Metrics, Progress, Start, read_events

MAX_PROBLEMS_KEPT = 200


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


@dataclass(slots=True)
class RunCurves:
    """What a run's events have told so far."""

    start: Start | None = None
    progress: Progress | None = None
    end: End | None = None
    train: dict[str, Curve] = field(default_factory=dict)
    valid: dict[str, Curve] = field(default_factory=dict)
    loads: dict[str, Loads] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    problems: tuple[EventProblem, ...] = ()


def curves_of(events: Iterable[AnyEvent], max_points: int = 1000) -> RunCurves:
    """Gather events into curves of at most about `max_points` points each."""
    told = RunCurves()
    points: dict[str, dict[str, tuple[list[int], list[float | None]]]] = {"train": {}, "valid": {}}
    messages = []
    for event in events:
        match event:
            case Metrics():
                for name, value in event.values.items():
                    steps, values = points[event.split].setdefault(name, ([], []))
                    steps.append(event.step)
                    values.append(value)
                for layer, experts in event.loads.items():
                    told.loads[layer] = Loads(event.step, event.split, tuple(experts))
            case Progress():
                told.progress = event
            case Message():
                messages.append(event)
            case Start():
                told.start = event
            case End():
                told.end = event
    for split, curves in (("train", told.train), ("valid", told.valid)):
        for name, (steps, values) in points[split].items():
            curves[name] = Curve(tuple(steps), tuple(values)).thinned(max_points)
    told.messages = tuple(messages)
    return told


def read_curves(path: Path, max_points: int = 1000) -> RunCurves:
    """Read a whole events file into curves; the first problems of it are kept."""
    events: list[AnyEvent] = []
    problems: list[EventProblem] = []
    offset, more = 0, True
    while more:
        batch = read_events(path, offset)
        events += batch.events
        problems += batch.problems[: MAX_PROBLEMS_KEPT - len(problems)]
        offset, more = batch.offset, batch.more
    told = curves_of(events, max_points)
    told.problems = tuple(problems)
    return told
