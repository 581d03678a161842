"""How the designs of released models moved over time: every measure of every configuration, with its sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from moe_kb.analysis.trend_fields import TRENDS, TrendField
from moe_kb.claims.placement import share_with_experts
from moe_kb.fields import in_sentence
from moe_kb.format import compact
from moe_kb.queries.models import ConfigurationRow
from moe_kb.queries.routing import Balancing, MoELayer, Routing, Where

LOSS, BIAS, BOTH, HASH, NONE = "auxiliary loss", "selection bias", "bias and loss", "fixed hash", "no loss"
#: Fewest configurations of a year of which quartiles are shown.
ENOUGH = 3

Number = int | float
Measured = Number | str | None


@dataclass(frozen=True, slots=True)
class Observation:
    """A configuration with every measure that it has."""

    record: str
    configuration: str
    name: str
    released: str | None
    year: int | None
    values: Mapping[str, Measured]
    """Hyperparameters, measures of `TRENDS`, and the words that marks are coloured by."""
    places: Mapping[str, str]
    """Where each value was read, the release date and the balancing too."""
    disputed: frozenset[str]
    """Fields whose sources disagree."""
    zero_experts: int | None
    """Experts without computation that compete with the routed ones, if any do."""

    @property
    def label(self) -> str:
        """Name and size."""
        return f"{self.name} {self.configuration}"

    @property
    def where(self) -> Where:
        """The model and the label of the configuration."""
        return self.record, self.configuration

    def number(self, name: str) -> Number:
        """A number that it has; ask `has` first."""
        value = self.values[name]
        assert isinstance(value, int | float), name
        return value

    def word(self, name: str) -> str | None:
        """A word about it."""
        value = self.values.get(name)
        return None if value is None else str(value)

    def has(self, name: str, *, dated: bool = True) -> bool:
        """Whether it has a measure (above zero where its axis is logarithmic), and a release date."""
        value = self.values.get(name)
        if value is None or (dated and not self.released):
            return False
        return not TRENDS[name].log or (isinstance(value, int | float) and value > 0)

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
class Commonest:
    """The most frequent word of a measure in a calendar year."""

    year: int
    word: str
    count: int
    of: int


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
    def commonest(self) -> list[Commonest]:
        """Of every calendar year the most frequent word. None where the measure is a number."""
        if not self.field.words:
            return []
        years: dict[int, list[str]] = {}
        for observation in self.dated:
            if observation.year is not None:
                years.setdefault(observation.year, []).append(str(observation.values[self.field.name]))
        return [
            Commonest(year, *Counter(sorted(words)).most_common(1)[0], len(words))
            for year, words in sorted(years.items())
        ]


def trend(observations: Sequence[Observation], name: str) -> Trend:
    """A measure of the configurations that have it."""
    having = [observation for observation in observations if observation.has(name, dated=False)]
    return Trend(TRENDS[name], len(observations), tuple(latest_first(having)))


def latest_first(observations: Iterable[Observation]) -> list[Observation]:
    """By release date, those without one last."""
    return sorted(observations, key=lambda observation: (observation.released or "", observation.label), reverse=True)


def chosen(observations: Iterable[Observation], text: str = "", *, largest_only: bool = False) -> list[Observation]:
    """The configurations that hold all words of a text; or of each model only the largest of them."""
    words = text.casefold().split()

    def holds(observation: Observation) -> bool:
        own = (observation.word(name) for name in ("organisation", "router_key", "activation"))
        hay = " ".join(filter(None, (observation.label, observation.record.partition(":")[2], *own))).casefold()
        return all(word in hay for word in words)

    kept = [observation for observation in observations if holds(observation)]
    return largest(kept) if largest_only else kept


def largest(observations: Sequence[Observation]) -> list[Observation]:
    """Of every model the configuration with the most parameters, so that large families do not count more."""

    def total(observation: Observation) -> Number:
        return observation.number("params_total") if observation.values.get("params_total") else 0

    best: dict[str, Observation] = {}
    for observation in observations:
        other = best.get(observation.record)
        if other is None or total(observation) > total(other):
            best[observation.record] = observation
    return [observation for observation in observations if best[observation.record] is observation]


def yearly(observations: Iterable[Observation], name: str) -> list[Year]:
    """Quartiles of a measure of every calendar year with enough configurations."""
    years: dict[int, list[Number]] = {}
    for observation in observations:
        if observation.has(name) and observation.year is not None:
            years.setdefault(observation.year, []).append(observation.number(name))
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
        record, label = row.record, row.configuration
        layers = routing.layers.get((record, label), [])
        values: dict[str, Any] = {**row.numbers, **row.words}
        values |= {name: row.group(name) for name in ("organisation", "openness", "described_by")}
        places = {"released": routing.dated_by.get(record, ""), **row.places}
        values["router_key"] = row.words["router"]
        values["router"] = routing.designs.get(row.words["router"] or "", row.words["router"])
        values["score"] = _score(layers)
        places["score"] = layers[0].place if layers else ""
        _count(values, places)
        _measure(values, next((layer.d_latent for layer in layers if layer.d_latent), None))
        values["balancing"], places["balancing"] = _balance(
            layers, routing.loss_weights.get((record, label)), routing.balancing.get(record, Balancing(None, None))
        )
        out.append(
            Observation(
                record=record,
                configuration=label,
                name=row.name,
                released=row.released,
                year=row.year,
                values=values,
                places=places,
                disputed=frozenset(row.disputed),
                zero_experts=next((layer.zero_experts for layer in layers if layer.zero_experts), None),
            )
        )
    return out


def _count(values: dict[str, Any], places: dict[str, str]) -> None:
    """Without shared experts, what tables print of all experts is what is said of the routed ones."""
    if values["n_shared_experts"] != 0:
        return
    for field, whole in (("n_routed_experts", "n_experts_total"), ("experts_per_token", "n_experts_active")):
        if values[field] is None and values[whole] is not None:
            values[field] = values[whole]
            places[field] = places.get(whole, "")


def _measure(values: dict[str, Any], d_latent: int | None) -> None:
    """Add what is computed from hyperparameters."""
    from moe_kb.records.sublayers import MATRICES
    from moe_kb.sizing.granularity import dense_equivalents

    active, routed = values["experts_per_token"], values["n_routed_experts"]
    values["chosen_share"] = 100 * active / routed if active and routed else None
    model, dense, width = values["d_model"], values["d_ffn"], values["d_expert"]
    values["segmentation"] = dense / width if dense and width else None
    values["activation"] = (values["activation"] or "").lower() or None
    matrices = {**MATRICES}.get(values["activation"])
    values["granularity"] = (
        float(dense_equivalents(d_model=int(model), d_expert=int(width), matrices=matrices, d_input=d_latent))
        if model and width and matrices
        else None
    )
    heads, head = values["n_heads"], values["d_head"]
    values["attention_width"] = heads * head if heads and head else None
    layers, with_experts = values["n_layers"], values["n_moe_layers"]
    if layers and with_experts is not None:
        values["moe_share"] = 100 * with_experts / layers
    else:
        share = share_with_experts(values["moe_placement"] or "", int(layers) if layers else None)
        values["moe_share"] = None if share is None else float(100 * share)


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
