"""One model: everything the sources say of each field, with unit, precision and disagreement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moe_kb.claims.claim import Claim
from moe_kb.claims.quantity import parse_quantity
from moe_kb.db.claims import Disagreement
from moe_kb.fields import FIELDS, label_of
from moe_kb.figures.sizing import CONVENTIONS
from moe_kb.format import compact
from moe_kb.kb import KnowledgeBase
from moe_kb.records.architecture import Architecture
from moe_kb.sizing import count


@dataclass(frozen=True, slots=True)
class Value:
    """What the sources say of one field of a model or of one of its configurations."""

    field: str
    setting: str | None
    first: Claim
    """The claim shown first."""
    others: tuple[Claim, ...]
    disagreement: Disagreement | None

    @property
    def label(self) -> str:
        """Name of the field, with the condition of a measurement."""
        return label_of(self.field) + (f", {self.setting}" if self.setting else "")

    @property
    def conflict(self) -> str:
        """The values that differ with their sources; empty where the sources agree."""
        if self.disagreement is None:
            return ""
        if self.disagreement.kind == "counting":
            return "unclear whether shared experts are counted"
        claims = self.disagreement.claims
        short = [compact(claim.number) if claim.number is not None else shown(claim) for claim in claims]
        # Rounded for reading, unless that would make two values look the same.
        words = short if len(set(short)) == len({claim.number for claim in claims}) else [shown(one) for one in claims]
        return " ≠ ".join(f"{text} ({claim.source})" for text, claim in zip(words, claims, strict=True))


def shown(claim: Claim) -> str:
    """The value as printed, or with its thousands parted where it was counted or computed."""
    if claim.number is not None and (not claim.printed or claim.status == "derived" or claim.printed.isdecimal()):
        return compact(claim.number, suffix=False)
    if isinstance(claim.value, list):
        return ", ".join(str(item) for item in claim.value)
    return claim.shown


def precision(claim: Claim) -> str:
    """To which digit a number was printed, e.g. `to 1B`; `exact` where it is a whole number to the last unit."""
    if claim.number is None:
        return ""
    quantity = parse_quantity(claim.printed) if claim.printed and claim.status != "derived" else None
    if quantity is None:
        return "exact" if float(claim.number).is_integer() else ""
    return "exact" if quantity.exact else f"to {compact(quantity.last_digit)}"


def values(kb: KnowledgeBase, name: str) -> dict[str | None, list[Value]]:
    """Everything the sources say of a model, by configuration (None: the model as a whole)."""
    record = kb.resolve(name, "model")
    grouped: dict[tuple[str | None, str, str | None], list[Claim]] = {}
    for claim in kb.claims(record):
        grouped.setdefault((claim.configuration, claim.field, claim.setting), []).append(claim)
    # A field may be in two disputes; that values differ says more than that their counting is unclear.
    found = sorted(kb.disagreements(record), key=lambda one: one.kind == "values")
    disputes = {(one.configuration, one.field, one.setting): one for one in found}
    order = {field: position for position, field in enumerate(FIELDS)}
    out: dict[str | None, list[Value]] = {}

    def place(group: tuple[str | None, str, str | None]) -> tuple[str, int, str, str]:
        return group[0] or "", order.get(group[1], len(order)), group[1], group[2] or ""

    for part, field, setting in sorted(grouped, key=place):
        claims = grouped[part, field, setting]
        claims.sort(key=lambda claim: not claim.preferred)
        value = Value(field, setting, claims[0], tuple(claims[1:]), disputes.get((part, field, setting)))
        out.setdefault(part, []).append(value)
    return out


def computed(architecture: Architecture, values: Mapping[str, Value]) -> list[dict[str, str]]:
    """Parameters that follow from the layers beside those that sources claim.

    Rows: Parameters, Computed, Claimed, Difference (of each claim). A claim of active parameters stands beside the
    convention that it comes nearest to, as sources seldom say which they use.

    Raises:
        UnsizedError: where the layers leave unsaid what the size depends on.
    """
    counted = count(architecture)
    numbers = {field: float(getattr(counted, field)) for field in CONVENTIONS}
    claimed: dict[str, dict[str, float]] = {field: {} for field in CONVENTIONS}
    for name, fields in (("params_total", ["total"]), ("params_active", [f for f in CONVENTIONS if f != "total"])):
        for claim in (values[name].first, *values[name].others) if name in values else ():
            if claim.number is not None:
                number = float(claim.number)
                near = min((abs(numbers[field] - number), field) for field in fields)
                claimed[near[1]][shown(claim)] = number
    return [
        {
            "Parameters": name,
            "Computed": f"{round(numbers[field]):,}",
            "Claimed": "; ".join(claimed[field]),
            "Difference": "; ".join(_difference(number, numbers[field]) for number in claimed[field].values()),
        }
        for field, (name, _) in CONVENTIONS.items()
    ]


def _difference(claimed: float, number: float) -> str:
    return "none" if round(claimed) == round(number) else f"{claimed / number - 1:+.2%}"


def routers(kb: KnowledgeBase, name: str) -> list[dict[str, Any]]:
    """The gating designs a model uses, a row for every source that says so.

    Rows: record, name, type (of the edge), source, locator, status.
    """
    return kb.rows(
        "SELECT r.record, r.name, e.type, e.source, e.locator, e.status FROM edges e "
        "JOIN records r ON r.record = e.tail JOIN designs d ON d.key = r.key AND r.kind = 'design' "
        "WHERE e.head = ? AND d.component = 'gating' AND e.type IN ('introduces', 'uses', 'modifies') "
        "ORDER BY r.name, e.source",
        (kb.resolve(name, "model"),),
    )
