"""Comparisons of implementations: who is better than whom, and what cannot be said.

Seeds are paired: a run of seed s saw the same batches whatever the design, so designs are compared by the mean of
their differences seed by seed. A difference below two standard errors is a tie.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean, stdev
from typing import Literal

from moe_kb.analysis.run_metrics import is_share, metric_label
from moe_kb.queries.results import Implementation, Measured, Protocol, ResultRun

Group = Literal["ranked", "unmatched", "not-causal", "control", "failed"]
Verdict = Literal["better", "tie", "worse", "one seed"]
#: Groups in the order to show them in, and what each is.
GROUPS: dict[Group, str] = {
    "ranked": "Ranked",
    "unmatched": "Unmatched: not of equal active size, or not of a fixed one",
    "not-causal": "Not causal: later tokens may explain a low number",
    "control": "Controls",
    "failed": "Failed",
}
CONTROLS = {"control-dense": "Dense, equal active size", "control-no-experts": "No feed-forward at all"}
DENSE = "control-dense"
#: What a design's own runs say of its dense baseline, where the protocol has no dense control.
BASELINE = "accuracy_dense"
ERRORS = 2.0  # standard errors that a difference must exceed to be one


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean difference over seeds, with its standard error."""

    mean: float
    error: float | None
    """None with a single seed: nothing can be said of its spread."""

    @property
    def is_tie(self) -> bool:
        """Whether it is below two standard errors, or has none."""
        return self.error is None or abs(self.mean) <= ERRORS * self.error


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an implementation stands in a comparison."""

    implementation: str
    name: str
    record: str | None
    """Of its design, else of the implementation; None for controls and what is not installed."""
    group: Group
    rank: int | None
    """Of ranked designs with two seeds or more: 1 and how many are better by more than two standard errors."""
    mean: float | None
    error: float | None
    seeds: int
    """Those that ended with a score."""
    against_dense: Difference | None
    verdict: Verdict | None
    seconds: float
    cpu_seconds: float
    params_active: int | None
    params_total: int
    causal: str
    why: str | None
    error_text: str | None
    curve: tuple[tuple[int, float], ...]
    """Step and mean of the headline metric."""
    metrics: Mapping[str, float]
    """Means over seeds at the end, by name."""


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """A comparison: an implementation a row, best first within its group."""

    protocol: Protocol
    standings: tuple[Standing, ...]

    def __contains__(self, implementation: str) -> bool:
        return any(standing.implementation == implementation for standing in self.standings)

    @property
    def ranked(self) -> int:
        """How many designs are compared with each other."""
        return sum(standing.group == "ranked" for standing in self.standings)

    @property
    def with_rank(self) -> int:
        """How many designs have a rank, for which one seed is not enough."""
        return sum(standing.rank is not None for standing in self.standings)

    def count(self, verdict: Verdict) -> int:
        """How many of the ranked designs stand so against a dense layer."""
        return sum(standing.group == "ranked" and standing.verdict == verdict for standing in self.standings)

    def text(self, implementation: str) -> str:
        """Where an implementation stands: `rank 3 of 40, bits per byte 2.893 ± 0.006, better than dense`."""
        standing = next(standing for standing in self.standings if standing.implementation == implementation)
        if standing.mean is None:
            return f"failed: {standing.error_text}"
        unranked = {"unmatched": "not ranked: unmatched", "not-causal": "not ranked: not causal"}
        place = f"rank {standing.rank} of {self.with_rank}" if standing.rank else unranked.get(standing.group)
        words = {"better": "better than dense", "worse": "worse than dense", "tie": "a tie with dense"}
        verdict = words.get(standing.verdict or "") or ("one seed" if standing.seeds == 1 else None)
        return ", ".join(filter(None, (place, self.score_text(standing), verdict)))

    def score_text(self, standing: Standing) -> str:
        """A score with its spread: `bits per byte 2.893 ± 0.006`."""
        if standing.mean is None:
            return "failed"
        headline = self.protocol.headline
        factor, digits, sign = (100.0, 1, "%") if is_share(headline) else (1.0, 3, "")
        spread = "" if standing.error is None else f" ± {standing.error * factor:.{digits}f}"
        label = metric_label(headline, short=True).removesuffix(" (percent)").lower()
        return f"{label} {standing.mean * factor:.{digits}f}{sign}{spread}"


def paired(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Difference | None:
    """The difference of two designs over the seeds that both have; none without a common seed."""
    differences = [ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())]
    return Difference(mean(differences), _error(differences)) if differences else None


def leaderboard(
    protocol: Protocol,
    runs: Iterable[ResultRun],
    measured: Iterable[Measured],
    implementations: Mapping[str, Implementation],
) -> Leaderboard:
    """Every implementation of a protocol with its score, its rank and its verdict against a dense layer."""
    metrics: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    curves: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for value in measured:
        if value.step is None:
            metrics[value.implementation][value.metric].append(value.value)
        else:
            curves[value.implementation][value.step].append(value.value)
    by_key: dict[str, list[ResultRun]] = defaultdict(list)
    for run in runs:
        by_key[run.implementation].append(run)
    scores = {key: {run.seed: run.score for run in group if run.score is not None} for key, group in by_key.items()}
    sign = -1 if protocol.better == "higher" else 1
    standings = []
    for key, group in by_key.items():
        first, values = group[0], list(scores[key].values())
        scored = [run for run in group if run.score is not None]
        against = _against_dense(scores, metrics[key], key)
        known = implementations.get(key)
        standings.append(
            Standing(
                implementation=key,
                name=CONTROLS.get(key) or (known.name if known else key),
                record=known.record if known else None,
                group=_group(first, bool(values)),
                rank=None,
                mean=mean(values) if values else None,
                error=_error(values),
                seeds=len(values),
                against_dense=against,
                verdict=_verdict(against, sign),
                seconds=mean([run.seconds for run in scored] or [0.0]),
                cpu_seconds=mean([run.cpu_seconds for run in scored] or [0.0]),
                params_active=first.params_active_non_embedding,
                params_total=first.params_total,
                causal=first.causal,
                why=first.why,
                error_text=next((run.error for run in group if run.error), None),
                curve=tuple((step, mean(steps)) for step, steps in sorted(curves[key].items())),
                metrics={name: mean(numbers) for name, numbers in metrics[key].items()},
            )
        )
    order = list(GROUPS)
    standings.sort(key=lambda standing: (order.index(standing.group), sign * (standing.mean or 0.0)))
    return Leaderboard(protocol, tuple(_with_ranks(standings, scores, sign)))


def _with_ranks(
    standings: Sequence[Standing], scores: Mapping[str, Mapping[int, float]], sign: int
) -> Iterable[Standing]:
    """One seed cannot tell which of two designs is better, so it gives no rank."""
    ranked = [scores[standing.implementation] for standing in standings if standing.group == "ranked"]
    for standing in standings:
        rank = None
        if standing.group == "ranked" and standing.seeds > 1:
            own = scores[standing.implementation]
            rank = 1 + sum(_verdict(paired(other, own), sign) == "better" for other in ranked if other is not own)
        yield replace(standing, rank=rank)


def _error(values: Sequence[float]) -> float | None:
    """Standard error of a mean; None of a single value."""
    return stdev(values) / len(values) ** 0.5 if len(values) > 1 else None


def _group(run: ResultRun, scored: bool) -> Group:
    if not scored:
        return "failed"
    if run.comparison == "control":
        return "control"
    if run.task == "text" and run.causal != "yes":
        return "not-causal"
    return "ranked" if run.comparison == "matched" else "unmatched"


def _against_dense(
    scores: Mapping[str, Mapping[int, float]], own: Mapping[str, list[float]], key: str
) -> Difference | None:
    if key == DENSE:
        return None
    if DENSE in scores:
        return paired(scores[key], scores[DENSE])
    return paired(scores[key], dict(zip(scores[key], own.get(BASELINE, ()), strict=False)))


def _verdict(difference: Difference | None, sign: int) -> Verdict | None:
    """What a difference says where a lower score is better (sign 1) or a higher one (sign -1)."""
    if difference is None:
        return None
    if difference.error is None:
        return "one seed"
    if difference.is_tie:
        return "tie"
    return "better" if difference.mean * sign < 0 else "worse"
