"""What records say of a configuration's routing beside its hyperparameters: routers of its layers, and balancing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from moe_kb.db.reader import Reader
from moe_kb.format import citation
from moe_kb.queries.designs import RECENT

Where = tuple[str, str]
"""A model and the label of a configuration of it."""
LOAD_BALANCING_LOSS = "design:load-balancing-loss"
SELECTION_BIAS = "design:loss-free-bias-update"


@dataclass(frozen=True, slots=True)
class MoELayer:
    """An MoE layer of a configuration, as its source describes it."""

    routed: bool
    """Whether anything is said of its router."""
    score: str | None
    order: str | None
    selection_bias: bool
    zero_experts: int | None
    """Experts without computation that compete with the routed ones."""
    d_latent: int | None
    place: str
    """Where that was read."""


@dataclass(frozen=True, slots=True)
class Balancing:
    """How the papers that describe a model balance its experts, and where that is said."""

    loss: str | None
    bias: str | None


@dataclass(frozen=True, slots=True)
class Routing:
    """What the records of all models say of routing."""

    layers: Mapping[Where, list[MoELayer]]
    loss_weights: Mapping[Where, tuple[float, str]]
    """Weight of the auxiliary loss that a configuration's file or a table gives, and where."""
    balancing: Mapping[str, Balancing]
    """By model."""
    dated_by: Mapping[str, str]
    """Where the release date of each model was read."""
    designs: Mapping[str, str]
    """Names of designs by key."""


def routing(reader: Reader) -> Routing:
    """Everything that is followed through time beside hyperparameters."""
    return Routing(
        _layers(reader),
        {
            (record, label): (weight, citation(source, locator))
            for record, label, weight, source, locator in reader.tuples(
                "SELECT c.subject, c.configuration, c.number, s.name, c.locator FROM claims c JOIN sources s "
                "ON s.key = c.source WHERE c.preferred AND c.field = 'w_aux' AND c.number IS NOT NULL"
            )
        },
        _balancing(reader),
        {
            record: citation(source, locator)
            for record, source, locator in reader.tuples(
                "SELECT c.subject, s.name, c.locator FROM claims c JOIN sources s ON s.key = c.source "
                "WHERE c.preferred AND c.field = 'released' AND c.configuration IS NULL AND c.subject LIKE 'model:%'"
            )
        },
        dict(reader.tuples("SELECT key, name FROM designs")),
    )


def _layers(reader: Reader) -> dict[Where, list[MoELayer]]:
    layers: dict[Where, list[MoELayer]] = {}
    for record, label, routed, score, order, bias, zero, latent, source, locator in reader.tuples(
        "SELECT c.record, c.label, coalesce(json_extract(j.value, '$.router'), '{}') <> '{}', "
        "json_extract(j.value, '$.router.score'), json_extract(j.value, '$.router.order'), "
        "json_extract(j.value, '$.router.selection_bias'), json_extract(j.value, '$.zero.count'), "
        "json_extract(j.value, '$.d_latent'), s.name, json_extract(c.architecture, '$.locator') "
        "FROM configurations c, json_tree(c.architecture) j LEFT JOIN sources s ON s.key = c.source "
        "WHERE j.type = 'object' AND json_extract(j.value, '$.kind') = 'moe' ORDER BY c.id, j.id"
    ):
        layer = MoELayer(bool(routed), score, order, bool(bias), zero, latent, citation(source, locator))
        layers.setdefault((record, label), []).append(layer)
    return layers


def _balancing(reader: Reader) -> dict[str, Balancing]:
    """By model; losses for balance are the load balancing loss and the designs that records tie to it.

    Ties that count are variants, extensions, predecessors and successors.
    """
    places: dict[str, dict[bool, str]] = {}
    for model, is_bias, source, locator in reader.tuples(
        "WITH RECURSIVE family(design) AS (SELECT ?1 UNION "
        "SELECT CASE WHEN e.head = f.design THEN e.tail ELSE e.head END FROM family f JOIN edges e "
        "ON f.design IN (e.head, e.tail) WHERE e.type IN ('variant-of', 'extends', 'replaces') "
        "AND e.head LIKE 'design:%' AND e.tail LIKE 'design:%') "
        "SELECT m.head, u.record = ?2, s.name, u.locator FROM family f "
        "JOIN designs d ON d.record = f.design AND d.component = 'loss' "
        "JOIN usages u ON u.record = f.design AND u.role IN ('introduces', 'uses', 'modifies') "
        "JOIN edges m ON m.tail = u.by AND m.type = 'described-by' LEFT JOIN sources s ON s.key = u.source "
        "ORDER BY u.id",
        (LOAD_BALANCING_LOSS, SELECTION_BIAS),
    ):
        places.setdefault(model, {}).setdefault(bool(is_bias), citation(source, locator))
    return {model: Balancing(found.get(False), found.get(True)) for model, found in places.items()}


@dataclass(frozen=True, slots=True)
class Adoption:
    """Models released since a year, and of how many of them a record names the gating design."""

    since: int
    models: int
    known: int

    def text(self, users: int) -> str:
        """Such as `used by 13 of 31 models released since 2025 whose router is recorded`."""
        return f"used by {users} of {self.known} models released since {self.since} whose router is recorded"


def adoption(reader: Reader) -> Adoption:
    """What `Gate.recent` counts a part of."""
    ((models, known),) = reader.tuples(
        "SELECT count(*), count(CASE WHEN EXISTS (SELECT 1 FROM edges e JOIN designs d ON d.record = e.tail "
        "WHERE d.component = 'gating' AND e.head = m.record AND e.type IN ('uses', 'modifies')) THEN 1 END) "
        "FROM models m WHERE m.released >= ?",
        (str(RECENT),),
    )
    return Adoption(RECENT, models, known)


@dataclass(frozen=True, slots=True)
class Definition:
    """Where a measure is defined: a design with its equation's source."""

    record: str
    name: str
    source: str
    locator: str | None


def definition(reader: Reader, design: str) -> Definition | None:
    """The first equation of a design; None where there is none."""
    return reader.first(
        Definition,
        "SELECT e.record, d.name, e.source, e.locator FROM equations e JOIN designs d ON d.record = e.record "
        "WHERE e.record = ? ORDER BY e.id",
        (design,),
    )
