"""How the designs of released models moved over time: every measure of every configuration, with its sources."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from statistics import median, quantiles
from typing import Any

from moe_kb.fields import label_of
from moe_kb.figures import models
from moe_kb.figures.trend_terms import TRENDS
from moe_kb.format import compact
from moe_kb.kb import KnowledgeBase
from moe_kb.records.sublayers import MATRICES

Row = dict[str, Any]

LOSS, BIAS, BOTH, HASH, NONE = "auxiliary loss", "selection bias", "bias and loss", "fixed hash", "no loss"
BIAS_DESIGN = "design:loss-free-bias-update"
#: Fewest configurations of a year of which quartiles are shown.
ENOUGH = 3
_PLACEMENT = re.compile(r"1(?:/(\d+))?(?:,? except (?:first (\d+) layers?|1st layer))?")


def rows(kb: KnowledgeBase) -> list[Row]:
    """One row a configuration: those of `models.configurations`, with every measure of `TRENDS` or None.

    `places` says where each value was read, the release date and the balancing too. `router` is the design's name,
    `zero` how many experts without computation compete with the routed ones, if any do.
    """
    mixtures, weights, tied, dates = _mixtures(kb), _weights(kb), _tied(kb), _dates(kb)
    names = {row["key"]: row["name"] for row in kb.rows("SELECT key, name FROM designs")}
    out = []
    for row in models.configurations(kb):
        where = (row["record"], row["configuration"])
        one: Row = {**row, "places": dict(row["places"]), **_router(mixtures.get(where, []))}
        one["places"].setdefault("released", dates.get(row["record"], ""))
        one["router"] = names.get(row["router"], row["router"])
        _count(one)
        _measure(one)
        _balance(one, weights.get(where), tied.get(row["record"], {}))
        out.append(one)
    return out


def chosen(found: Sequence[Row], text: str = "", *, one_each: bool = False) -> list[Row]:
    """The rows that hold all words of a text; with `one_each` only the largest configuration of each model."""
    kept = models.chosen(found, text=text)
    return largest(kept) if one_each else kept


def largest(found: Sequence[Row]) -> list[Row]:
    """Of every model the configuration with the most parameters, so that large families do not count more."""
    best: dict[str, Row] = {}
    for row in found:
        other = best.get(row["record"])
        if other is None or (row["params_total"] or 0) > (other["params_total"] or 0):
            best[row["record"]] = row
    return [row for row in found if best[row["record"]] is row]


def having(found: Sequence[Row], name: str, *, dated: bool = True) -> list[Row]:
    """The rows that have a measure (above zero where its axis is logarithmic), and a release date."""
    return [
        row
        for row in found
        if row[name] is not None
        and (row["released"] or not dated)
        and (TRENDS[name].words or not TRENDS[name].wide or row[name] > 0)
    ]


def yearly(found: Sequence[Row], name: str) -> list[tuple[int, float, float, float, int]]:
    """Of every calendar year with enough rows: year, first quartile, median, third quartile, how many."""
    years: dict[int, list[float]] = {}
    for row in having(found, name):
        if row["year"] is not None:
            years.setdefault(row["year"], []).append(row[name])
    out = []
    for year, values in sorted(years.items()):
        if len(values) >= ENOUGH:
            low, _, high = quantiles(values, n=4, method="inclusive")
            out.append((year, low, median(values), high, len(values)))
    return out


def commonest(found: Sequence[Row], name: str) -> list[tuple[int, str, int, int]]:
    """Of every calendar year the commonest word of a measure: year, word, how many have it, of how many."""
    years: dict[int, list[str]] = {}
    for row in having(found, name):
        if row["year"] is not None:
            years.setdefault(row["year"], []).append(row[name])
    return [(year, *Counter(sorted(words)).most_common(1)[0], len(words)) for year, words in sorted(years.items())]


def shown(name: str, value: Any) -> str:
    """A value of a measure for people.

    >>> shown("chosen_share", 3.125), shown("params_total", 671026404352), shown("granularity", 9.333333)
    ('3.12 %', '671B', '9.33')
    """
    if value is None or isinstance(value, str):
        return value or ""
    if TRENDS[name].unit.startswith("percent"):
        return f"{value:.3g} %"
    return f"{value:.3g}" if not float(value).is_integer() else compact(value)


def source_of(row: Row, name: str) -> str:
    """Where the values behind a measure were read: one line, fields of one place together."""
    by_place: dict[str, list[str]] = {}
    for field in TRENDS[name].fields or (name,):
        if field in row["places"]:
            by_place.setdefault(row["places"][field], []).append(label_of(field).lower())
    if len(by_place) == 1:
        return next(iter(by_place))
    return "; ".join(f"{', '.join(fields)}: {place}" for place, fields in by_place.items())


def disputed(row: Row, name: str) -> bool:
    """Whether sources differ on what a measure is computed from."""
    return any(field in row["disputed"] for field in TRENDS[name].fields or (name,))


def definition(kb: KnowledgeBase, name: str) -> Row | None:
    """Where a measure is defined: the design (`record`, `name`) with its equation's `source` and `locator`."""
    found = kb.rows(
        "SELECT e.record, d.name, e.source, e.locator FROM equations e JOIN designs d ON 'design:' || d.key = e.record "
        "WHERE e.record = ? ORDER BY e.id LIMIT 1",
        (TRENDS[name].design or "",),
    )
    return found[0] if found else None


# --- what is computed of a configuration -------------------------------------------------------------------------


def _count(row: Row) -> None:
    """Without shared experts, what tables print of all experts is what is said of the routed ones."""
    if row["n_shared_experts"] != 0:
        return
    for field, whole in (("n_routed_experts", "n_experts_total"), ("experts_per_token", "n_experts_active")):
        if row[field] is None and row[whole] is not None:
            row[field] = row[whole]
            row["places"][field] = row["places"].get(whole, "")


def _measure(row: Row) -> None:
    chosen, routed = row["experts_per_token"], row["n_routed_experts"]
    row["chosen_share"] = 100 * chosen / routed if chosen and routed else None
    model, dense, width = row["d_model"], row["d_ffn"], row["d_expert"]
    row["segmentation"] = dense / width if dense and width else None
    row["activation"] = (row["activation"] or "").lower() or None
    matrices = {**MATRICES}.get(row["activation"])
    known = model and width and matrices
    row["granularity"] = 8 * model**2 / (matrices * (row["d_latent"] or model) * width) if known else None
    heads, head = row["n_heads"], row["d_head"]
    row["attention_width"] = heads * head if heads and head else None
    row["moe_share"] = _moe_share(row)


def _moe_share(row: Row) -> float | None:
    """Percent of the layers that hold a mixture: counted, or computed from the placement as printed."""
    layers, mixtures = row["n_layers"], row["n_moe_layers"]
    if layers and mixtures is not None:
        return float(100 * mixtures / layers)
    match = _PLACEMENT.match(row["moe_placement"] or "")
    if match is None:
        return None
    if "except" not in match[0]:
        return 100 / int(match[1] or 1)
    return float(100 * (layers - int(match[2] or 1)) / layers) if layers else None


def _router(mixtures: Sequence[Row]) -> Row:
    """What the layers with experts say of their routers; layers routed by a fixed hash have the last word."""
    routers = [one["router"] for one in mixtures if one.get("router")]
    learned = [one for one in routers if one.get("order") != "hash"]
    return {
        "score": next((one["score"] for one in learned or routers if one.get("score")), None),
        "bias": any(one.get("selection_bias") for one in routers),
        "hash": bool(routers) and not learned,
        "zero": next((one["zero"]["count"] for one in mixtures if one.get("zero")), None),
        "d_latent": next((one["d_latent"] for one in mixtures if one.get("d_latent")), None),
        "layers": next((one["place"] for one in mixtures), ""),
    }


def _balance(row: Row, weight: tuple[float, str] | None, tied: dict[str, str]) -> None:
    """What evens the load, and where that is said."""
    loss = weight[1] if weight and weight[0] else tied.get(LOSS)
    bias = row["layers"] if row["bias"] else tied.get(BIAS)
    kind = BOTH if loss and bias else BIAS if bias else LOSS if loss else HASH if row["hash"] else None
    said = [bias, loss, row["layers"] if kind == HASH else None]
    if kind is None and weight:
        kind, said = NONE, [weight[1]]
    row["balancing"] = kind
    row["places"]["balancing"] = "; ".join(dict.fromkeys(place for place in said if place))
    row["places"]["score"] = row["layers"]


# --- what the records say beside the table of hyperparameters ----------------------------------------------------


def _mixtures(kb: KnowledgeBase) -> dict[tuple[str, str], list[Row]]:
    """The mixtures in a configuration's layers as their records say, each with `place`, where that was read."""
    out: dict[tuple[str, str], list[Row]] = {}
    for row in kb.rows(
        "SELECT c.record, c.label, j.value AS mixture, s.name AS source, json_extract(c.architecture, '$.locator') "
        "AS locator FROM configurations c, json_tree(c.architecture) j LEFT JOIN sources s ON s.key = c.source "
        "WHERE j.type = 'object' AND json_extract(j.value, '$.kind') = 'moe' ORDER BY c.id, j.id"
    ):
        mixture = json.loads(row["mixture"]) | {"place": _place(row)}
        out.setdefault((row["record"], row["label"]), []).append(mixture)
    return out


def _weights(kb: KnowledgeBase) -> dict[tuple[str, str], tuple[float, str]]:
    """Weight of the auxiliary loss that a configuration's file or a table gives, and where."""
    return {
        (row["subject"], row["configuration"]): (row["number"], _place(row))
        for row in kb.rows(
            "SELECT c.subject, c.configuration, c.number, s.name AS source, c.locator FROM claims c JOIN sources s "
            "ON s.key = c.source WHERE c.preferred AND c.field = 'w_aux' AND c.number IS NOT NULL"
        )
    }


def _tied(kb: KnowledgeBase) -> dict[str, dict[str, str]]:
    """How the papers that describe a model balance its experts, and where that is said.

    Losses for balance are the load balancing loss and the designs that records tie to it as its variants, extensions,
    predecessors or successors.
    """
    out: dict[str, dict[str, str]] = {}
    for row in kb.rows(
        "WITH RECURSIVE family(design) AS (SELECT 'design:load-balancing-loss' UNION "
        "SELECT CASE WHEN e.head = f.design THEN e.tail ELSE e.head END FROM family f JOIN edges e "
        "ON f.design IN (e.head, e.tail) WHERE e.type IN ('variant-of', 'extends', 'replaces') "
        "AND e.head LIKE 'design:%' AND e.tail LIKE 'design:%') "
        "SELECT m.head AS model, u.record AS design, s.name AS source, u.locator FROM family f "
        "JOIN designs d ON 'design:' || d.key = f.design AND d.component = 'loss' "
        "JOIN usages u ON u.record = f.design AND u.role IN ('introduces', 'uses', 'modifies') "
        "JOIN edges m ON m.tail = u.by AND m.type = 'described-by' LEFT JOIN sources s ON s.key = u.source "
        "ORDER BY u.id"
    ):
        kind = BIAS if row["design"] == BIAS_DESIGN else LOSS
        out.setdefault(row["model"], {}).setdefault(kind, _place(row))
    return out


def _dates(kb: KnowledgeBase) -> dict[str, str]:
    """Where the date of each model was read."""
    return {
        row["subject"]: _place(row)
        for row in kb.rows(
            "SELECT c.subject, s.name AS source, c.locator FROM claims c JOIN sources s ON s.key = c.source "
            "WHERE c.preferred AND c.field = 'released' AND c.configuration IS NULL AND c.subject LIKE 'model:%'"
        )
    }


def _place(row: Row) -> str:
    return ", ".join(filter(None, (row["source"], row["locator"])))
