"""Claims that disagree, within a field and between fields that must fit each other."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator

from moe_kb.audit.issue import Issue, Waived
from moe_kb.claims.claim import Claim
from moe_kb.claims.placement import layers_with_experts
from moe_kb.db.claims import read_claims, resolutions_of


def differ(connection: sqlite3.Connection) -> Iterator[Issue]:
    """Sources give values for one field that do not agree within the precision they print."""
    yield from disputes(connection, "values")


def idle_note(connection: sqlite3.Connection) -> Iterator[Issue]:
    """A resolving note prefers a source that makes no such claim, so it settles nothing."""
    yield from disputes(connection, "note")


def disputes(connection: sqlite3.Connection, kind: str) -> Iterator[Issue]:
    """Issues from the disagreements of one kind that the build has written down."""
    rows = connection.execute(
        "SELECT subject, configuration, field, setting, claims, resolved FROM disagreements WHERE kind = ? ORDER BY id",
        (kind,),
    ).fetchall()
    wanted = sorted({one for row in rows for one in json.loads(row[4])})
    by_id = dict(zip(wanted, _claims(connection, wanted), strict=True))
    notes = resolutions_of(connection, {row[0] for row in rows if row[5]})
    for subject, configuration, field, setting, ids, resolved in rows:
        claims = tuple(by_id[one] for one in json.loads(ids))
        settled = None
        if resolved:
            sources = {claim.source for claim in claims}
            note = next(
                (
                    n
                    for n in notes[subject]
                    if (n.field, n.configuration) == (field, configuration) and n.prefer in sources
                ),
                next((n for n in notes[subject] if (n.field, n.configuration) == (field, configuration)), None),
            )
            settled = Waived(note.reason, note.source, note.locator) if note else None
        yield Issue(subject, _MESSAGES[kind](claims), configuration, field, setting, claims, waived=settled)


def _claims(connection: sqlite3.Connection, ids: list[int]) -> list[Claim]:
    return read_claims(connection, "id IN (SELECT value FROM json_each(?))", (json.dumps(ids),))


def said(claim: Claim) -> str:
    """A claim as a message quotes it: the value as printed, or with its thousands parted, and where it stands."""
    computed = not claim.printed or claim.status == "derived"
    large = isinstance(claim.value, int) and computed and abs(claim.value) >= 10_000
    return f"{f'{claim.value:,}' if large else claim.shown} [{claim.place}]"


def _values(claims: tuple[Claim, ...]) -> str:
    return " ≠ ".join(dict.fromkeys(said(claim) for claim in claims))


def _unclear(claims: tuple[Claim, ...]) -> str:
    return f"{said(claims[0])} does not say whether shared experts are counted"


_MESSAGES: dict[str, Callable[[tuple[Claim, ...]], str]] = {
    "values": _values,
    "counting": _unclear,
    "note": lambda claims: "a resolving note prefers a source that makes no such claim",
}


# --- between fields ------------------------------------------------------------------------------------------------

#: Fields of which one must not be greater than the other, and why.
_ORDERED = (
    ("params_active", "params_total", "a token cannot use more parameters than there are"),
    ("n_moe_layers", "n_layers", "no more layers can hold experts than there are"),
    ("experts_per_token", "n_routed_experts", "a token cannot use more routed experts than there are"),
    ("n_experts_active", "n_experts_total", "a token cannot use more experts than there are"),
    ("n_kv_heads", "n_heads", "there are no more key-value heads than query heads"),
)


def impossible_order(connection: sqlite3.Connection) -> Iterator[Issue]:
    """Two numbers of one source cannot both hold, such as more active than total parameters."""
    for small, large, why in _ORDERED:
        pairs = connection.execute(
            "SELECT a.id, b.id FROM claims a JOIN claims b ON b.subject = a.subject "
            "AND b.configuration IS a.configuration "
            "AND b.source = a.source AND b.setting IS a.setting "
            "AND coalesce(a.table_row = b.table_row, true) "
            "WHERE a.field = ? AND b.field = ? AND a.number > b.number AND a.subject NOT LIKE 'table:%' "
            "AND NOT a.repeats AND NOT b.repeats",
            (small, large),
        )
        for ids in pairs.fetchall():
            left, right = (read_claims(connection, "id = ?", (one,))[0] for one in ids)
            message = f"{small} {said(left)} exceeds {large} {said(right)}: {why}"
            detail = left.table_row or left.source
            yield Issue(left.subject, message, left.configuration, small, detail, (left, right))


def placement_of_experts(connection: sqlite3.Connection) -> Iterator[Issue]:
    """The printed placement of the experts gives another number of layers than the layers themselves."""
    printed = read_claims(connection, "field = 'moe_placement' AND configuration IS NOT NULL", ())
    for claim in printed:
        others = read_claims(
            connection,
            "subject = ? AND configuration = ? AND field IN ('n_layers', 'n_moe_layers')",
            (claim.subject, claim.configuration or ""),
        )
        layers = next((c for c in others if c.field == "n_layers" and c.table_row == claim.table_row), None)
        if layers is None or layers.number is None:
            continue
        expected = layers_with_experts(claim.text, int(layers.number))
        for counted in others:
            if counted.field != "n_moe_layers" or expected is None or counted.number == expected:
                continue
            message = (
                f"{said(claim)} of {said(layers)} layers makes {expected} with experts, "
                f"but {counted.shown} are there [{counted.place}]"
            )
            detail = f"{claim.table_row}; {counted.source}"
            yield Issue(claim.subject, message, claim.configuration, "moe_placement", detail, (claim, layers, counted))
