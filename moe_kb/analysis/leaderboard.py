"""Comparisons of implementations: who is better than whom, and what cannot be said.

Seeds are paired: a run of seed s saw the same batches whatever the design, so designs are compared by the mean of
their differences seed by seed. A difference below two standard errors is a tie. Designs stand in the order of their
means; how far another sample of seeds could move one is its interval of places.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean
from typing import Literal

from moe_kb.analysis.run_metrics import is_share, metric_label
from moe_kb.analysis.significance import Difference, holm, paired, standard_error
from moe_kb.format import joined, ordinal
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


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an implementation stands in a comparison."""

    implementation: str
    name: str
    record: str | None
    """Of its design, else of the implementation; None for controls and what is not installed."""
    group: Group
    rank: int | None
    """Place by mean among the ranked designs with two seeds or more; equal means share one."""
    places: tuple[int, int] | None
    """First and last place that the differences to the other ranked designs allow."""
    mean: float | None
    error: float | None
    seeds: int
    """Those that ended with a score."""
    against_dense: Difference | None
    verdict: Verdict | None
    corrected_p: float | None
    """Of a ranked design's difference to dense: p of a paired t test, corrected (Holm) for all that are ranked."""
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
    scores: Mapping[int, float]
    """The score of each seed that ended with one."""

    @property
    def tied(self) -> int:
        """How many other ranked designs differ from it by less than two standard errors."""
        return self.places[1] - self.places[0] if self.places else 0


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """A comparison: an implementation a row, best first within its group."""

    protocol: Protocol
    standings: tuple[Standing, ...]
    rates: tuple[float, ...] = ()
    """The peak learning rates of the runs, as far as their configs name them."""

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

    @property
    def corrected(self) -> dict[str, float]:
        """p of each ranked design's difference to dense, corrected for their number; empty with a single seed."""
        return {row.implementation: row.corrected_p for row in self.standings if row.corrected_p is not None}

    def text(self, implementation: str) -> str:
        """Where an implementation stands.

        Such as `6th of 40 by mean, tied with 9 others, bits per byte 2.893 ± 0.006, better than dense`.
        """
        standing = next(standing for standing in self.standings if standing.implementation == implementation)
        if standing.mean is None:
            return f"failed: {standing.error_text}"
        unranked = {"unmatched": "not ranked: unmatched", "not-causal": "not ranked: not causal"}
        place, tied = unranked.get(standing.group), None
        if standing.rank:
            place = f"{ordinal(standing.rank)} of {self.with_rank} by mean"
            tied = f"tied with {standing.tied} other{'s' if standing.tied > 1 else ''}" if standing.tied else None
        words = {"better": "better than dense", "worse": "worse than dense", "tie": "a tie with dense"}
        verdict = words.get(standing.verdict or "") or ("one seed" if standing.seeds == 1 else None)
        return joined(place, tied, self.score_text(standing), verdict)

    def score_text(self, standing: Standing) -> str:
        """A score with its spread: `bits per byte 2.893 ± 0.006`."""
        if standing.mean is None:
            return "failed"
        headline = self.protocol.headline
        factor, digits, sign = (100.0, 1, "%") if is_share(headline) else (1.0, 3, "")
        spread = "" if standing.error is None else f" ± {standing.error * factor:.{digits}f}"
        label = metric_label(headline, short=True).removesuffix(" (percent)").lower()
        return f"{label} {standing.mean * factor:.{digits}f}{sign}{spread}"


def leaderboard(
    protocol: Protocol,
    runs: Iterable[ResultRun],
    measured: Iterable[Measured],
    implementations: Mapping[str, Implementation],
) -> Leaderboard:
    """Every implementation of a protocol with its score, its place and its verdict against a dense layer."""
    metrics: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    curves: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for value in measured:
        if value.step is None:
            metrics[value.implementation][value.metric].append(value.value)
        else:
            curves[value.implementation][value.step].append(value.value)
    by_key: dict[str, list[ResultRun]] = defaultdict(list)
    rates = set()
    for run in runs:
        by_key[run.implementation].append(run)
        rates.add(json.loads(run.config).get("learning_rate"))
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
                places=None,
                mean=mean(values) if values else None,
                error=standard_error(values),
                seeds=len(values),
                against_dense=against,
                verdict=_verdict(against, sign),
                corrected_p=None,
                seconds=mean([run.seconds for run in scored] or [0.0]),
                cpu_seconds=mean([run.cpu_seconds for run in scored] or [0.0]),
                params_active=first.params_active_non_embedding,
                params_total=first.params_total,
                causal=first.causal,
                why=first.why,
                error_text=next((run.error for run in group if run.error), None),
                curve=tuple((step, mean(steps)) for step, steps in sorted(curves[key].items())),
                metrics={name: mean(numbers) for name, numbers in metrics[key].items()},
                scores=scores[key],
            )
        )
    order = list(GROUPS)
    standings.sort(key=lambda standing: (order.index(standing.group), sign * (standing.mean or 0.0)))
    return Leaderboard(protocol, tuple(_with_ranks(standings, scores, sign)), tuple(sorted(rates - {None})))


def _with_ranks(
    standings: Sequence[Standing], scores: Mapping[str, Mapping[int, float]], sign: int
) -> Iterable[Standing]:
    """Places by mean, and what the differences to the others and to dense allow one to say.

    One seed cannot show which of two designs is better, so it gives no place.
    """
    ranked = [standing for standing in standings if standing.group == "ranked" and standing.seeds > 1]
    means = {standing.implementation: sign * (standing.mean or 0.0) for standing in ranked}
    against = {standing.implementation: standing.against_dense for standing in ranked}
    corrected = holm(
        {key: difference.p for key, difference in against.items() if difference and difference.p is not None}
    )
    for standing in standings:
        key = standing.implementation
        if key not in means:
            yield standing
            continue
        others = [_verdict(paired(scores[other], scores[key]), sign) for other in means if other != key]
        rank = 1 + sum(other < means[key] for other in means.values())
        # Where seeds failed, the seeds that two designs share may order them otherwise than all their seeds do.
        first = min(rank, 1 + others.count("better"))
        last = max(rank, len(means) - others.count("worse"))
        yield replace(standing, rank=rank, places=(first, last), corrected_p=corrected.get(key))


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
