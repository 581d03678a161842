"""What the releases of models say in words, each sentence with the numbers that it is made of.

Nobody writes a conclusion here: which way a median went, and which share of models does something, follow from the
records, so that the sentences move when the records do. Of every model the largest configuration counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from moe_kb.analysis.trends import BIAS, BOTH, ENOUGH, Observation, Year, largest, shown, yearly

#: Calendar years that count as recent, and years that lie between the two medians of a sentence.
RECENT, SPAN = 2, 2


@dataclass(frozen=True, slots=True)
class Share:
    """Of how many models something holds."""

    yes: int
    of: int

    def __str__(self) -> str:
        return f"{self.yes} of {self.of}"


@dataclass(frozen=True, slots=True)
class TrendFinding:
    """A sentence on released models."""

    measure: str
    """Key of `moe_kb.analysis.trend_fields.TRENDS`: the chart behind the sentence."""
    words: str
    since: int
    """First year of the recent ones, or that of the newer median."""
    now: Share | Year
    """What the sentence says of the recent years."""
    before: Share | Year | None
    """What it is compared with; None: nothing older is here."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A yes or no about a model, where its measure is known."""

    measure: str
    does: str
    """The yes as a verb, of several models."""
    holds: Callable[[Observation], bool]


_SHARES = (
    _Asked(
        "balancing",
        "balance their experts by a selection bias, with or without a loss",
        lambda model: model.value("balancing") in (BIAS, BOTH),
    ),
    _Asked(
        "n_shared_experts", "have an expert that every token uses", lambda model: model.measured("n_shared_experts") > 0
    ),
    _Asked("score", "score experts by a sigmoid", lambda model: model.value("score") == "sigmoid"),
    _Asked("moe_share", "hold experts in every layer", lambda model: model.measured("moe_share") == 100),
)
#: Measures of which the median of one year is compared with that of another, and what each is called in a sentence.
_MEDIANS = {
    "chosen_share": "the share of its routed experts that a token uses",
    "experts_per_token": "the routed experts that a token uses in a layer",
    "n_routed_experts": "the routed experts of a layer",
    "granularity": "granularity (dense-equivalent widths per expert width)",
    "active_share": "the share of the parameters that a token uses",
    "params_total": "total parameters",
}


def findings(observations: Sequence[Observation]) -> list[TrendFinding]:
    """Every sentence that the models have enough numbers for."""
    models = [model for model in largest(observations) if model.year is not None]
    shares = [finding for asked in _SHARES for finding in _share(models, asked)]
    return shares + [finding for measure in _MEDIANS for finding in _median(models, measure)]


def _share(models: Sequence[Observation], asked: _Asked) -> Iterator[TrendFinding]:
    having = [(model, model.year) for model in models if model.value(asked.measure) is not None]
    if not having:
        return
    since = max(year for _, year in having if year) - RECENT + 1
    recent = [asked.holds(model) for model, year in having if year and year >= since]
    older = [asked.holds(model) for model, year in having if year and year < since]
    if len(recent) < ENOUGH:
        return
    now = Share(sum(recent), len(recent))
    before = Share(sum(older), len(older)) if older else None
    words = f"{now} models released since {since} {asked.does}" + (f"; before {since}, {before}." if before else ".")
    yield TrendFinding(asked.measure, words, since, now, before)


def _median(models: Sequence[Observation], measure: str) -> Iterator[TrendFinding]:
    years = {year.year: year for year in yearly(models, measure)}
    if not years:
        return
    now = years[max(years)]
    before = years.get(now.year - SPAN) or years.get(now.year - SPAN + 1)
    if before is None:
        return
    old, new, called = shown(measure, before.median), shown(measure, now.median), _MEDIANS[measure]
    counted = f"({before.count} and {now.count} models)"
    if old == new:
        words = f"The median of {called} is {new} in {now.year} as in {before.year} {counted}."
    else:
        way = "rose" if now.median > before.median else "fell"
        words = f"The median of {called} {way} from {old} in {before.year} to {new} in {now.year} {counted}."
    yield TrendFinding(measure, words, now.year, now, before)
