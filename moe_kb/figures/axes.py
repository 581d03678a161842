"""Models on three axes: accuracy, application performance, deployment cost; each value with its source or its formula.

Scores are only set against each other where benchmark, setting, scope and unit are the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from moe_kb.claims.agreement import agree
from moe_kb.claims.claim import Claim
from moe_kb.fields import BENCHMARKS, label_of
from moe_kb.figures.yardsticks import YARDSTICKS, Side, Yardstick
from moe_kb.kb import KnowledgeBase
from moe_kb.records.architecture import Architecture
from moe_kb.sizing import Device, Setting, UnsizedError, size

UNSTATED = "setting not stated"
#: Fields of configurations that stand in where nothing can be computed, or that are only recorded.
RECORDED = tuple(dict.fromkeys(one.field for one in YARDSTICKS.values() if one.field))

Where = tuple[str, str | None]
"""A model and the label of a configuration of it."""


@dataclass(frozen=True, slots=True)
class Score:
    """A score as one source gives it."""

    benchmark: str
    claim: Claim
    row: str | None = None
    """The label of the table row it stands in, which often tells a base model from a tuned one."""

    @property
    def condition(self) -> tuple[str, str, str]:
        """What has to be the same for two scores to be comparable: setting, scope, unit."""
        return self.claim.setting or UNSTATED, self.claim.scope or "", self.claim.unit or ""


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
    others: tuple[Claim, ...] = ()
    """What other sources give."""
    differs: bool = False
    """Whether one of them does not agree."""
    note: str | None = None


@dataclass(frozen=True)
class Subject:
    """A configuration, or a model of which none is recorded."""

    record: str
    configuration: str | None
    name: str
    organisation: str | None = None
    released: str | None = None
    domain: str | None = None

    @property
    def label(self) -> str:
        """Name and size."""
        return f"{self.name} {self.configuration}" if self.configuration else self.name

    @property
    def where(self) -> Where:
        """The model and the label of the configuration."""
        return self.record, self.configuration


@dataclass(frozen=True)
class Known:
    """All that the knowledge base holds for the three axes."""

    subjects: Sequence[Subject]
    scores: Mapping[Where, Sequence[Score]]
    recorded: Mapping[Where, Mapping[str, Sequence[Claim]]]
    """By field, the claim shown first at the front."""
    architectures: Mapping[Where, Architecture]


@dataclass(frozen=True)
class Choice:
    """What the reader sets against what."""

    benchmark: str
    condition: tuple[str, str, str]
    performance: Yardstick
    cost: Yardstick
    setting: Setting = field(default_factory=Setting)
    device: Device | None = None


@dataclass(frozen=True)
class Entry:
    """A configuration with its values, and why it lacks the others."""

    subject: Subject
    values: Mapping[Side, Value]
    missing: Mapping[Side, str]


def gather(kb: KnowledgeBase) -> Known:
    """Read everything that the axes may need."""
    scores: dict[Where, list[Score]] = {}
    recorded: dict[Where, dict[str, list[Claim]]] = {}
    words: dict[tuple[Where, str], str] = {}
    rows = {
        f"{row['record'].removeprefix('table:')}#{row['row']}": row["label"]
        for row in kb.rows("SELECT record, row, label FROM table_rows")
    }
    parts: dict[str, dict[str, None]] = {}
    architectures: dict[Where, Architecture] = {}
    models = [kb.model(brief.key) for brief in kb.briefs("model")]
    for model in models:
        parts[model.reference] = {configuration.label: None for configuration in model.configurations}
        for configuration in model.configurations:
            if configuration.architecture:
                architectures[model.reference, configuration.label] = configuration.architecture
        for claim in kb.claims(model.reference):
            where = (claim.subject, claim.configuration)
            if claim.configuration:
                parts[model.reference][claim.configuration] = None
            if claim.field in BENCHMARKS and claim.number is not None:
                score = Score(claim.field, claim, rows.get(claim.table_row or ""))
                scores.setdefault(where, []).append(score)
            elif claim.field in RECORDED and claim.number is not None:
                recorded.setdefault(where, {}).setdefault(claim.field, []).append(claim)
            elif claim.field in ("released", "domain", "organisation") and claim.preferred:
                words[where, claim.field] = claim.text
    subjects = []
    for model in models:
        whole: Where = (model.reference, None)
        found = list(parts[model.reference])
        for part in [*found, None] if whole in scores or not found else found:
            own = {name: words.get(((model.reference, part), name)) or words.get((whole, name))
                   for name in ("organisation", "released", "domain")}  # fmt: skip
            subjects.append(Subject(model.reference, part, model.name, **own))
    return Known(subjects, scores, recorded, architectures)


def conditions(known: Known, benchmark: str) -> list[tuple[tuple[str, str, str], int]]:
    """Conditions under which a benchmark was measured, with the number of configurations, most first."""
    counted = Counter(
        condition
        for found in known.scores.values()
        for condition in {score.condition for score in found if score.benchmark == benchmark}
    )
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))


def in_words(condition: tuple[str, str, str], among: Iterable[tuple[str, str, str]] = ()) -> str:
    """A condition for people; its unit only where those it stands among have several.

    >>> in_words(("5-shot", "", "percent")), in_words(("5-shot", "", "percent"), [("5-shot", "", "points")])
    ('5-shot', '5-shot, percent')
    """
    setting, scope, unit = condition
    several = {unit} | {other[2] for other in among} != {unit}
    return ", ".join(filter(None, (setting, scope, (unit or "unit not stated") if several else "")))


def entries(known: Known, choice: Choice) -> list[Entry]:
    """Every configuration with what it has of the three values."""
    out = []
    for subject in known.subjects:
        where = subject.where
        values: dict[Side, Value] = {}
        missing: dict[Side, str] = {}
        found: dict[Side, Value | str] = {
            "accuracy": _accuracy(known.scores.get(where, ()), choice),
            "performance": _measured(known, where, choice.performance, choice),
            "cost": _measured(known, where, choice.cost, choice),
        }
        for side, value in found.items():
            if isinstance(value, str):
                missing[side] = value
            else:
                values[side] = value
        out.append(Entry(subject, values, missing))
    return out


def _accuracy(scores: Sequence[Score], choice: Choice) -> Value | str:
    same = [score for score in scores if score.benchmark == choice.benchmark]
    found = [score for score in same if score.condition == choice.condition]
    name = label_of(choice.benchmark)
    if not found:
        others = "; ".join(f"{score.claim.shown} at {in_words(score.condition)}" for score in same)
        return f"only {others}" if others else f"no score on {name}"
    first, *rest = sorted(found, key=lambda score: not score.claim.preferred)
    return _recorded(first.claim, [score.claim for score in rest], first.row)


def _recorded(first: Claim, others: Sequence[Claim], row: str | None = None, note: str | None = None) -> Value:
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


def _measured(known: Known, where: Where, yardstick: Yardstick, choice: Choice) -> Value | str:
    """A value of performance or cost: computed where the layers are described, else as a source prints it."""
    architecture = known.architectures.get(where)
    claims = known.recorded.get(where, {})
    why = "no source describes its layers"
    if yardstick.computed and architecture is not None:
        try:
            number = _compute(architecture, yardstick, choice)
        except UnsizedError as error:
            why = str(error)
        else:
            if number is None:
                return "no accelerator has all the figures that a roofline needs"
            note = _beyond(claims.get("context_length", ()), yardstick, choice.setting)
            return Value(number, "computed", architecture.source, architecture.locator, note=note)
    if yardstick.field and (found := claims.get(yardstick.field)):
        return _recorded(found[0], found[1:], note=None if not yardstick.computed else "as the source counts it")
    if not yardstick.computed:
        return f"no source gives its {yardstick.label.lower()}"
    return f"{why}, and none gives the number" if yardstick.field and "layers" in why else why


def _compute(architecture: Architecture, yardstick: Yardstick, choice: Choice) -> float | None:
    found = size(architecture, choice.setting)
    if yardstick.compute:
        return yardstick.compute(found)
    assert yardstick.on_device
    return yardstick.on_device(found, choice.device) if choice.device else None


def _beyond(context: Sequence[Claim], yardstick: Yardstick, setting: Setting) -> str | None:
    """A warning where the context is longer than the model's."""
    most = context[0].number if context else None
    if most is None or "context" not in yardstick.needs or setting.context <= most:
        return None
    return f"allows {most:,.0f} tokens only"


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


def ranked(row: Entry, choice: Choice, sides: Sequence[Side]) -> bool:
    """Whether an entry has values of these sides that can be told apart finely enough to rank it.

    A printed count of parameters is rounded, and whoever printed it may have counted otherwise; so where others are
    computed from their layers it stands in the picture, but outdoes none and is outdone by none.
    """
    measures = {"performance": choice.performance, "cost": choice.cost}
    return all(
        side in row.values
        and (row.values[side].kind == "computed" or side not in measures or not measures[side].computed)
        for side in sides
    )


def frontier(rows: Sequence[Entry], choice: Choice, sides: Sequence[Side]) -> set[Where]:
    """Which of the entries are on the frontier of some sides, among those that can be ranked."""
    whole = [row for row in rows if ranked(row, choice, sides)]
    signs = {"accuracy": 1, "performance": sign(choice.performance), "cost": sign(choice.cost)}
    best = undominated([[signs[side] * row.values[side].number for side in sides] for row in whole])
    return {row.subject.where for row, kept in zip(whole, best, strict=True) if kept}


def sign(yardstick: Yardstick) -> int:
    """1 where more is better, -1 where less is."""
    return 1 if yardstick.better == "higher" else -1


def device_values(kb: KnowledgeBase, device: Device) -> list[Claim]:
    """The claims behind an accelerator's peak, bandwidth and memory."""
    fields = (f"peak_{device.arithmetic}", "memory_bandwidth", "memory_capacity")
    return [kb.value(f"accelerator:{device.key}", name) for name in fields]


def download(rows: Sequence[Entry], choice: Choice) -> list[dict[str, Any]]:
    """One plain row an entry with values, sources, formulas and what is missing, for a file."""
    setting, out = choice.setting, []
    conditions_of: dict[Side, str] = {"accuracy": f"{choice.benchmark}, {in_words(choice.condition)}"}
    yardsticks: dict[Side, Yardstick] = {"performance": choice.performance, "cost": choice.cost}
    told = {
        "context": f"context {setting.context}",
        "batch": f"batch {setting.batch}",
        "weights": f"weights {setting.weights.key}",
        "device": choice.device.key if choice.device else "",
    }
    for side, yardstick in yardsticks.items():
        words = [told[need] for need in told if need in yardstick.needs]
        conditions_of[side] = "; ".join([yardstick.key, *filter(None, words)])
    for row in rows:
        line: dict[str, Any] = {
            "record": row.subject.record,
            "configuration": row.subject.configuration,
            "label": row.subject.label,
            "domain": row.subject.domain,
        }
        for side, what in conditions_of.items():
            value = row.values.get(side)
            line[side] = value.number if value else None
            line[f"{side}_of"] = what
            line[f"{side}_kind"] = value.kind if value else None
            line[f"{side}_source"] = value.source if value else None
            line[f"{side}_locator"] = value.locator if value else None
            computed = value is not None and value.kind == "computed"
            line[f"{side}_formula"] = yardsticks[side].formula if computed and side in yardsticks else None
            line[f"{side}_missing"] = row.missing.get(side)
        out.append(line)
    return out


def held(known: Known) -> tuple[int, int]:
    """How many configurations have a recorded context length, and how many a field of use."""
    lengths = sum("context_length" in found for found in known.recorded.values())
    return lengths, sum(subject.domain is not None for subject in known.subjects)
