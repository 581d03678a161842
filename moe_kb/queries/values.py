"""Claims about a record, and everything the sources say of a model field by field."""

from __future__ import annotations

from dataclasses import dataclass

from moe_kb.claims.claim import Claim
from moe_kb.claims.quantity import parse_quantity
from moe_kb.db.claims import Disagreement, read_claims, read_disagreements
from moe_kb.db.reader import Reader
from moe_kb.fields import FIELDS, label_of, value_label
from moe_kb.format import compact


@dataclass(frozen=True, slots=True)
class Value:
    """What the sources say of one field of a model or of one of its configurations."""

    field: str
    setting: str | None
    preferred: Claim
    others: tuple[Claim, ...]
    disagreement: Disagreement | None

    @property
    def claims(self) -> tuple[Claim, ...]:
        """Every claim, the preferred one at the front."""
        return self.preferred, *self.others

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
        texts = short if len(set(short)) == len({claim.number for claim in claims}) else list(map(shown, claims))
        return " ≠ ".join(f"{text} ({claim.source})" for text, claim in zip(texts, claims, strict=True))


@dataclass(frozen=True, slots=True)
class RouterClaim:
    """A source's word that a model uses a gating design."""

    record: str
    name: str
    type: str
    """Type of the edge: introduces, uses or modifies."""
    source: str | None
    locator: str | None
    status: str


def claims_about(
    reader: Reader, record: str, *, configuration: str | None = None, field: str | None = None
) -> list[Claim]:
    """Every claim about a record (full name), preferred ones first within each field."""
    found = read_claims(
        reader.connection,
        "subject = ? AND NOT repeats AND (? IS NULL OR configuration = ?) AND (? IS NULL OR field = ?)",
        (record, configuration, configuration, field, field),
    )
    return sorted(found, key=lambda claim: (claim.configuration or "", claim.field, not claim.preferred))


def shown(claim: Claim) -> str:
    """The value as printed, or with its thousands parted where it was counted or computed; a year is no count."""
    if claim.field == "year":
        return claim.shown
    if claim.number is not None and (not claim.printed or claim.status == "derived" or claim.printed.isdecimal()):
        return compact(claim.number, suffix=False)
    if isinstance(claim.value, list):
        return ", ".join(str(item) for item in claim.value)
    return claim.shown


def covers(claim: Claim) -> tuple[str | None, str | None]:
    """What a number covers, in words: its scope, and whether shared experts count."""
    return (
        claim.scope and value_label("scope", claim.scope),
        claim.counting and value_label("counting", claim.counting),
    )


def precision(claim: Claim) -> str:
    """To which digit a number was printed, e.g. `to 1B`; `exact` where it is a whole number to the last unit."""
    if claim.number is None:
        return ""
    quantity = parse_quantity(claim.printed) if claim.printed and claim.status != "derived" else None
    if quantity is None:
        return "exact" if float(claim.number).is_integer() else ""
    return "exact" if quantity.exact else f"to {compact(quantity.last_digit)}"


def values(reader: Reader, record: str) -> dict[str | None, list[Value]]:
    """Everything the sources say of a model (full name), by configuration (None: the model as a whole)."""
    grouped: dict[tuple[str | None, str, str | None], list[Claim]] = {}
    for claim in claims_about(reader, record):
        grouped.setdefault((claim.configuration, claim.field, claim.setting), []).append(claim)
    # A field may be in two disputes; that values differ says more than that their counting is unclear.
    disagreements = read_disagreements(reader.connection, record, resolved=True)
    disagreements.sort(key=lambda disagreement: disagreement.kind == "values")
    disputes = {(item.configuration, item.field, item.setting): item for item in disagreements}
    order = {field: position for position, field in enumerate(FIELDS)}

    def place(group: tuple[str | None, str, str | None]) -> tuple[str, int, str, str]:
        configuration, field, setting = group
        return configuration or "", order.get(field, len(order)), field, setting or ""

    found: dict[str | None, list[Value]] = {}
    for group in sorted(grouped, key=place):
        configuration, field, setting = group
        first, *others = sorted(grouped[group], key=lambda claim: not claim.preferred)
        found.setdefault(configuration, []).append(Value(field, setting, first, tuple(others), disputes.get(group)))
    return found


def routers(reader: Reader, record: str) -> list[RouterClaim]:
    """The gating designs a model (full name) uses, one for every source that says so."""
    return reader.all(
        RouterClaim,
        "SELECT d.record, d.name, e.type, e.source, e.locator, e.status FROM edges e "
        "JOIN designs d ON d.record = e.tail WHERE e.head = ? AND d.component = 'gating' "
        "AND e.type IN ('introduces', 'uses', 'modifies') ORDER BY d.name, e.source",
        (record,),
    )
