"""Models by quality, speed and cost; each value with its source or its formula, and who is on the Pareto frontier.

Scores are only compared where benchmark, setting, scope and unit are the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from moe_kb.analysis.metrics import COST, PERFORMANCE, SIDES, Metric, Side
from moe_kb.errors import look_up
from moe_kb.fields import BENCHMARKS
from moe_kb.queries.measurements import Condition, Measurements, Score, Subject, Where

if TYPE_CHECKING:
    from moe_kb.claims.claim import Claim
    from moe_kb.records.architecture import Architecture
    from moe_kb.sizing import Device, Setting

#: The accelerator that is meant where none is named, if its datasheet has what a roofline needs.
WIDELY_HELD = "h100-sxm"
#: Of a benchmark without scores.
NO_CONDITION = Condition("", "", "")


@dataclass(frozen=True, slots=True)
class Value:
    """A number on an axis and where it is from."""

    number: float
    """In plain units."""
    kind: Literal["recorded", "computed"]
    source: str | None
    """Of the value, or of the layers that it is computed from."""
    locator: str | None
    row: str | None = None
    """What the score's table calls the model."""
    others: tuple[Claim, ...] = ()
    """What other sources give."""
    differs: bool = False
    """Whether one of them does not agree."""
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A configuration with its values, and why it lacks the others."""

    subject: Subject
    values: Mapping[Side, Value]
    missing: Mapping[Side, str]

    def has(self, sides: Iterable[Side]) -> bool:
        """Whether it has all of these values."""
        return all(side in self.values for side in sides)


@dataclass(frozen=True, slots=True)
class Choice:
    """By what models are compared."""

    benchmark: str
    condition: Condition
    performance: Metric
    cost: Metric
    setting: Setting
    device: Device | None = None

    def metric(self, side: Side) -> Metric | None:
        """What measures performance or cost; None for accuracy."""
        return {"performance": self.performance, "cost": self.cost}.get(side)

    def title(self, side: Side) -> str:
        """A side's name with its unit."""
        metric = self.metric(side)
        if metric is not None:
            return metric.title
        unit = self.condition.unit
        return f"{BENCHMARKS[self.benchmark].label}, {in_words(self.condition)}" + (f" ({unit})" if unit else "")

    def sign(self, side: Side) -> int:
        """1 where more is better, -1 where less is."""
        metric = self.metric(side)
        return 1 if metric is None or metric.better == "higher" else -1

    def shown(self, value: Value, side: Side) -> float:
        """The number in the unit of its side."""
        metric = self.metric(side)
        return value.number if metric is None else value.number / metric.scale

    @property
    def needs(self) -> frozenset[str]:
        """What the values depend on besides the layers: of `context`, `batch`, `weights`, `device`."""
        return self.performance.needs | self.cost.needs


@dataclass(frozen=True, slots=True)
class TradeOffs:
    """Every configuration under one choice."""

    choice: Choice
    entries: tuple[Entry, ...]
    excluded_settings: int
    """Other settings that the benchmark was measured under; their scores are left out."""

    def having(self, sides: Iterable[Side] = SIDES) -> list[Entry]:
        """The entries that have all of these values."""
        return [entry for entry in self.entries if entry.has(sides)]

    def best_first(self, sides: Iterable[Side] = SIDES) -> list[Entry]:
        """The entries that have all of these values, the most accurate first."""

        def order(entry: Entry) -> tuple[float, str]:
            value = entry.values.get("accuracy")
            return -value.number if value else 0.0, entry.subject.label.casefold()

        return sorted(self.having(sides), key=order)

    def incomplete(self) -> list[Entry]:
        """The entries that lack a value, those that lack least first."""
        return sorted(
            (entry for entry in self.entries if entry.missing),
            key=lambda entry: (len(entry.missing), "accuracy" in entry.missing, entry.subject.label.casefold()),
        )

    def ranked(self, entry: Entry, sides: Iterable[Side]) -> bool:
        """Whether an entry's values of these sides are exact enough to rank it.

        A printed count of parameters is rounded, and whoever printed it may have counted otherwise; so where others are
        computed from their layers it is shown, but dominates none and is dominated by none.
        """
        return entry.has(sides) and all(
            entry.values[side].kind == "computed" or (metric := self.choice.metric(side)) is None or not metric.computed
            for side in sides
        )

    def frontier(self, sides: Sequence[Side] = tuple(SIDES)) -> set[Where]:
        """Which of the entries that can be ranked are on the Pareto frontier of some sides."""
        ranked = [entry for entry in self.entries if self.ranked(entry, sides)]
        signs = {side: self.choice.sign(side) for side in sides}
        best = undominated([[signs[side] * entry.values[side].number for side in sides] for entry in ranked])
        return {entry.subject.where for entry, kept in zip(ranked, best, strict=True) if kept}

    def table(self) -> list[dict[str, str | float | None]]:
        """One flat row an entry with values, sources, formulas and what is missing, for a file."""
        choice, setting = self.choice, self.choice.setting
        settings = {
            "context": f"context {setting.context}",
            "batch": f"batch {setting.batch}",
            "weights": f"weights {setting.weights_key}",
            "device": choice.device.key if choice.device else "",
        }
        rows = []
        for entry in self.entries:
            subject = entry.subject
            row: dict[str, str | float | None] = {
                "record": subject.record,
                "configuration": subject.configuration,
                "label": subject.label,
                "domain": subject.domain,
            }
            for side in SIDES:
                value, metric = entry.values.get(side), choice.metric(side)
                of = f"{choice.benchmark}, {in_words(choice.condition)}"
                if metric is not None:
                    held = [words for need, words in settings.items() if need in metric.needs and words]
                    of = "; ".join([metric.key, *held])
                row |= {
                    side: value.number if value else None,
                    f"{side}_of": of,
                    f"{side}_kind": value.kind if value else None,
                    f"{side}_source": value.source if value else None,
                    f"{side}_locator": value.locator if value else None,
                    f"{side}_formula": metric.formula if metric and value and value.kind == "computed" else None,
                    f"{side}_missing": entry.missing.get(side),
                }
            rows.append(row)
        return rows


def trade_offs(held: Measurements, choice: Choice) -> TradeOffs:
    """Every configuration with what it has of the three values."""
    entries = []
    for subject in held.subjects:
        answers: dict[Side, Value | str] = {
            "accuracy": _accuracy(held.scores.get(subject.where, ()), choice),
            "performance": _measured(held, subject.where, choice.performance, choice),
            "cost": _measured(held, subject.where, choice.cost, choice),
        }
        values = {side: answer for side, answer in answers.items() if isinstance(answer, Value)}
        missing = {side: answer for side, answer in answers.items() if isinstance(answer, str)}
        entries.append(Entry(subject, values, missing))
    return TradeOffs(choice, tuple(entries), max(0, len(conditions(held, choice.benchmark)) - 1))


def choose(
    held: Measurements,
    *,
    benchmark: str | None,
    condition: str | None,
    performance: str,
    cost: str,
    setting: Setting,
    devices: Sequence[Device],
    accelerator: str | None,
) -> Choice:
    """A choice from names, with what most would ask for where none is given.

    Raises:
        NotFoundError: A name is unknown; the message lists those that are known.
    """
    name = benchmark or next(iter(held.benchmarks), next(iter(BENCHMARKS)))
    look_up(BENCHMARKS, name, "benchmark")
    counted = conditions(held, name)
    named = {in_words(other, counted): other for other in counted}
    chosen = look_up(named, condition, f"setting of {name}") if condition else next(iter(counted), NO_CONDITION)
    by_key = {device.key: device for device in devices}
    usual = by_key.get(WIDELY_HELD) or next(iter(devices), None)
    return Choice(
        name,
        chosen,
        look_up(PERFORMANCE, performance, "performance metric"),
        look_up(COST, cost, "cost metric"),
        setting,
        look_up(by_key, accelerator, "accelerator with datasheet values for a roofline") if accelerator else usual,
    )


def conditions(held: Measurements, benchmark: str) -> dict[Condition, int]:
    """Conditions under which a benchmark was measured, with the number of configurations, most first."""
    counted = Counter(
        condition
        for scores in held.scores.values()
        for condition in {score.condition for score in scores if score.benchmark == benchmark}
    )
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def in_words(condition: Condition, among: Iterable[Condition] = ()) -> str:
    """A condition for people; its unit only where those it stands among have several.

    >>> in_words(Condition("5-shot", "", "percent"), [Condition("5-shot", "", "points")])
    '5-shot, percent'
    """
    several = {condition.unit} | {other.unit for other in among} != {condition.unit}
    unit = (condition.unit or "unit not stated") if several else ""
    return ", ".join(filter(None, (condition.setting, condition.scope, unit)))


def undominated(points: Sequence[Sequence[float]]) -> list[bool]:
    """Whether each point is on the Pareto frontier; in every coordinate more is better.

    A point is dominated by one that is nowhere worse and somewhere better; equal points do not dominate each other.
    """
    frontier: list[tuple[float, ...]] = []
    # A point that dominates another comes before it in this order, and what dominates it, or that point, is kept.
    for point in sorted({tuple(point) for point in points}, reverse=True):
        if not any(all(a >= b for a, b in zip(kept, point, strict=True)) for kept in frontier):
            frontier.append(point)
    kept_points = set(frontier)
    return [tuple(point) in kept_points for point in points]


def _accuracy(scores: Sequence[Score], choice: Choice) -> Value | str:
    same = [score for score in scores if score.benchmark == choice.benchmark]
    comparable = [score for score in same if score.condition == choice.condition]
    if not comparable:
        others = "; ".join(f"{score.claim.shown} at {in_words(score.condition)}" for score in same)
        return f"only {others}" if others else f"no score on {BENCHMARKS[choice.benchmark].label}"
    first, *rest = sorted(comparable, key=lambda score: not score.claim.preferred)
    return _recorded(first.claim, [score.claim for score in rest], first.row)


def _recorded(first: Claim, others: Sequence[Claim], row: str | None = None, note: str | None = None) -> Value:
    from moe_kb.claims.agreement import agree

    assert first.number is not None
    notes = [note, first.scope, first.counting, "derived" if first.status == "derived" else None, first.note]
    return Value(
        first.number,
        "recorded",
        first.source,
        first.locator,
        row,
        tuple(others),
        any(not agree(first, other) for other in others),
        "; ".join(filter(None, notes)) or None,
    )


def _measured(held: Measurements, where: Where, metric: Metric, choice: Choice) -> Value | str:
    """A value of performance or cost: computed where the layers are described, else as a source prints it."""
    from moe_kb.sizing import UnsizedError

    architecture = held.architectures.get(where)
    claims = held.recorded.get(where, {})
    why = "no source describes its layers"
    if metric.computed and architecture is not None:
        try:
            number = _compute(architecture, metric, choice)
        except UnsizedError as error:
            why = str(error)
        else:
            if number is None:
                return "no accelerator has all the datasheet values that a roofline needs"
            note = _beyond(claims.get("context_length", ()), metric, choice.setting)
            return Value(number, "computed", architecture.source, architecture.locator, note=note)
    if metric.field and (stated := claims.get(metric.field)):
        return _recorded(stated[0], stated[1:], note=None if not metric.computed else "as the source counts it")
    if not metric.computed:
        return f"{metric.label.lower()} not reported"
    return f"{why}, and none gives the number" if metric.field and "layers" in why else why


def _compute(architecture: Architecture, metric: Metric, choice: Choice) -> float | None:
    from moe_kb.sizing import size

    sized = size(architecture, choice.setting)
    if metric.compute:
        return metric.compute(sized)
    assert metric.on_device
    return metric.on_device(sized, choice.device) if choice.device else None


def _beyond(context: Sequence[Claim], metric: Metric, setting: Setting) -> str | None:
    """A warning where the context is longer than the model's."""
    most = context[0].number if context else None
    if most is None or "context" not in metric.needs or setting.context <= most:
        return None
    return f"allows {most:,.0f} tokens only"
