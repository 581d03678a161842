"""How the designs of released models moved over time: every measure of every configuration, with its sources."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import median, quantiles

from moe_kb.analysis.trend_fields import TRENDS, TrendField
from moe_kb.claims.placement import share_with_experts
from moe_kb.fields import in_sentence
from moe_kb.format import compact, enumerated
from moe_kb.queries.models import ConfigurationRow
from moe_kb.queries.routing import Balancing, MoELayer, Routing, Where

LOSS, BIAS, BOTH, HASH, NONE = "auxiliary loss", "selection bias", "bias and loss", "fixed hash", "no loss"
#: Fewest configurations of a year of which quartiles are shown.
ENOUGH = 3
#: Words of a year that are named after the most frequent.
OTHERS = 4

Measured = float | str | None


@dataclass(frozen=True, slots=True)
class Observation(ConfigurationRow):
    """A configuration with every measure of `TRENDS` among its numbers and words."""

    zero_experts: int | None
    """Experts without computation that compete with the routed ones, if any do."""

    @property
    def where(self) -> Where:
        """The model and the label of the configuration."""
        return self.record, self.configuration

    def value(self, name: str) -> Measured:
        """A number or a word."""
        return self.numbers[name] if name in self.numbers else self.words.get(name)

    def measured(self, name: str) -> float:
        """A number that it has."""
        value = self.numbers[name]
        assert value is not None, name
        return value

    def has(self, name: str, *, dated: bool = True) -> bool:
        """Whether it has a measure (above zero where its axis is logarithmic), and a release date."""
        value = self.value(name)
        if value is None or (dated and not self.released):
            return False
        return isinstance(value, str) or value > 0 or not TRENDS[name].log

    def differs(self, name: str) -> bool:
        """Whether sources differ on what a measure is computed from."""
        return any(field in self.disputed for field in TRENDS[name].parts or (name,))

    def source_of(self, name: str) -> str:
        """Where the values behind a measure were read: one line, fields of one place together."""
        by_place: dict[str, list[str]] = {}
        for field in TRENDS[name].parts or (name,):
            if field in self.places:
                by_place.setdefault(self.places[field], []).append(in_sentence(field))
        if len(by_place) == 1:
            return next(iter(by_place))
        return "; ".join(f"{', '.join(fields)}: {place}" for place, fields in by_place.items())


@dataclass(frozen=True, slots=True)
class Year:
    """A measure in a calendar year: its median and the middle half."""

    year: int
    low: float
    median: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class YearOfWords:
    """How often each word of a measure occurs in a calendar year."""

    year: int
    counts: tuple[tuple[str, int], ...]
    """The most frequent first."""
    of: int

    @property
    def in_words(self) -> str:
        """The most frequent word with its share, ties named, and what else occurs.

        >>> YearOfWords(2026, (("bias", 2), ("loss", 2), ("none", 1)), 5).in_words
        'bias and loss, 2 of 5 each; none 1'
        """
        most = self.counts[0][1]
        first = [word for word, count in self.counts if count == most]
        others = [f"{word} {count}" for word, count in self.counts[len(first) :]]
        more = len(others) - OTHERS
        if more > 0:
            others[OTHERS:] = [f"{more} more" if more > 1 else others[-1]]
        each = " each" if len(first) > 1 else ""
        return "; ".join([f"{enumerated(first)}, {most} of {self.of}{each}", *others])


@dataclass(frozen=True, slots=True)
class Trend:
    """One measure through time."""

    field: TrendField
    considered: int
    """Configurations that passed the filters, with the measure or without."""
    observations: tuple[Observation, ...]
    """Those that have the measure, dated or not, the latest first."""

    @property
    def dated(self) -> list[Observation]:
        """Those with a release date."""
        return [observation for observation in self.observations if observation.released]

    @property
    def years(self) -> list[Year]:
        """Of every calendar year with enough configurations: quartiles. None where the measure is a word."""
        return [] if self.field.words else yearly(self.observations, self.field.name)

    @property
    def years_of_words(self) -> list[YearOfWords]:
        """Of every calendar year how often each word occurs. None where the measure is a number."""
        if not self.field.words:
            return []
        years: dict[int, Counter[str]] = {}
        for observation in self.dated:
            if observation.year is not None:
                years.setdefault(observation.year, Counter())[str(observation.value(self.field.name))] += 1
        return [
            YearOfWords(year, tuple(sorted(words.items(), key=lambda item: (-item[1], item[0]))), words.total())
            for year, words in sorted(years.items())
        ]


def trend(observations: Sequence[Observation], name: str) -> Trend:
    """A measure of the configurations that have it."""
    having = [observation for observation in observations if observation.has(name, dated=False)]
    return Trend(TRENDS[name], len(observations), tuple(latest_first(having)))


def latest_first(observations: Iterable[Observation]) -> list[Observation]:
    """By release date, those without one last."""
    return sorted(observations, key=lambda observation: (observation.released or "", observation.label), reverse=True)


def largest(observations: Iterable[Observation]) -> list[Observation]:
    """Of every model the configuration with the most parameters, so that large families do not count more."""
    best: dict[str, Observation] = {}
    for observation in observations:
        other = best.setdefault(observation.record, observation)
        if (observation.number("params_total") or 0) > (other.number("params_total") or 0):
            best[observation.record] = observation
    return [observation for observation in observations if best[observation.record] is observation]


def yearly(observations: Iterable[Observation], name: str) -> list[Year]:
    """Quartiles of a measure of every calendar year with enough configurations."""
    years: dict[int, list[float]] = {}
    for observation in observations:
        if observation.has(name) and observation.year is not None:
            years.setdefault(observation.year, []).append(observation.measured(name))
    out = []
    for year, values in sorted(years.items()):
        if len(values) >= ENOUGH:
            low, _, high = quantiles(values, n=4, method="inclusive")
            out.append(Year(year, low, median(values), high, len(values)))
    return out


def shown(name: str, value: Measured) -> str:
    """A value of a measure for people.

    >>> shown("chosen_share", 3.125), shown("params_total", 671026404352), shown("granularity", 9.333333)
    ('3.12 %', '671B', '9.33')
    """
    if value is None or isinstance(value, str):
        return value or ""
    if TRENDS[name].percent:
        return f"{value:.3g} %"
    return f"{value:.3g}" if not float(value).is_integer() else compact(value)


# --- what follows for a configuration ----------------------------------------------------------------------------


def observations(configurations: Iterable[ConfigurationRow], routing: Routing) -> list[Observation]:
    """Every configuration with every measure of `TRENDS`, or None."""
    out = []
    for row in configurations:
        where = (row.record, row.configuration)
        layers = routing.layers.get(where, [])
        place = layers[0].place if layers else ""
        numbers, places = _counted(row)
        activation = (row.words["activation"] or "").lower() or None
        latent = next((layer.d_latent for layer in layers if layer.d_latent), None)
        by_paper = routing.balancing.get(row.record, Balancing(None, None))
        balancing, balanced_by = _balance(layers, routing.loss_weights.get(where), by_paper)
        router = row.words["router"] or ""
        design = routing.designs.get(router, router) or None
        words = {"score": _score(layers), "router": design, "balancing": balancing, "activation": activation}
        dated_by = {"released": routing.dated_by.get(row.record, "")}
        kept = {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
        kept |= {
            "numbers": numbers | _computed(numbers, row.words["moe_placement"], activation, latent),
            "words": {**row.words, **words},
            "places": dated_by | places | {"score": place, "balancing": balanced_by},
        }
        zero = next((layer.zero_experts for layer in layers if layer.zero_experts), None)
        out.append(Observation(**kept, zero_experts=zero))
    return out


def matrices_of(activation: str | None) -> int | None:
    """Weight matrices of an expert with this activation: 2, with a gate 3."""
    from moe_kb.records.sublayers import MATRICES

    return next((matrices for name, matrices in MATRICES.items() if name == activation), None)


def _counted(row: ConfigurationRow) -> tuple[dict[str, float | None], dict[str, str]]:
    """Numbers and places; without shared experts, what tables print of all experts is what is said of the routed."""
    numbers, places = dict(row.numbers), dict(row.places)
    if numbers["n_shared_experts"] == 0:
        for field, whole in (("n_routed_experts", "n_experts_total"), ("experts_per_token", "n_experts_active")):
            if numbers[field] is None and numbers[whole] is not None:
                numbers[field] = numbers[whole]
                places[field] = places.get(whole, "")
    return numbers, places


def _computed(
    numbers: Mapping[str, float | None], placement: str | None, activation: str | None, d_latent: int | None
) -> dict[str, float | None]:
    """What follows from hyperparameters."""
    from moe_kb.sizing.granularity import dense_equivalents

    def ratio(above: str, below: str, factor: float = 1) -> float | None:
        a, b = numbers[above], numbers[below]
        return factor * a / b if a and b else None

    model, width, matrices = numbers["d_model"], numbers["d_expert"], matrices_of(activation)
    granularity = None
    if model and width and matrices:
        granularity = dense_equivalents(d_model=int(model), d_expert=int(width), matrices=matrices, d_input=d_latent)
    heads, head = numbers["n_heads"], numbers["d_head"]
    layers, with_experts = numbers["n_layers"], numbers["n_moe_layers"]
    if layers and with_experts is not None:
        share: float | Fraction | None = with_experts / layers
    else:
        share = share_with_experts(placement or "", int(layers) if layers else None)
    return {
        "chosen_share": ratio("experts_per_token", "n_routed_experts", 100),
        "segmentation": ratio("d_ffn", "d_expert"),
        "granularity": None if granularity is None else float(granularity),
        "attention_width": heads * head if heads and head else None,
        "moe_share": None if share is None else float(100 * share),
    }


def _score(layers: Sequence[MoELayer]) -> str | None:
    """The score of the routers; layers routed by a fixed hash have the last word."""
    routers = [layer for layer in layers if layer.routed]
    learned = [layer for layer in routers if layer.order != "hash"]
    return next((layer.score for layer in learned or routers if layer.score), None)


def _balance(
    layers: Sequence[MoELayer], weight: tuple[float, str] | None, by_paper: Balancing
) -> tuple[str | None, str]:
    """What evens the load, and where that is said."""
    routers = [layer for layer in layers if layer.routed]
    place = layers[0].place if layers else ""
    loss = weight[1] if weight and weight[0] else by_paper.loss
    bias = place if any(layer.selection_bias for layer in routers) else by_paper.bias
    if loss or bias:
        kind = BOTH if loss and bias else BIAS if bias else LOSS
        return kind, "; ".join(dict.fromkeys(filter(None, (bias, loss))))
    if routers and all(layer.order == "hash" for layer in routers):
        return HASH, place
    return (NONE, weight[1]) if weight else (None, "")
