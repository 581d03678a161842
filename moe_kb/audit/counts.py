"""Counts of experts in which routed and shared ones are mixed up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from moe_kb.audit.claims import disputes, said
from moe_kb.audit.issue import Issue
from moe_kb.audit.sizes import check_sheet, printed_sheets
from moe_kb.claims.claim import Claim
from moe_kb.db.reader import Reader
from moe_kb.queries import evidence
from moe_kb.records.base import Counting

#: What tables print (with shared experts, if they say so), and the routed count it is made of.
_COUNTS = {"n_experts_total": "n_routed_experts", "n_experts_active": "experts_per_token"}


def unclear(reader: Reader) -> Iterator[Issue]:
    """A source does not say whether its count includes shared experts."""
    yield from disputes(reader, "counting")


def sum_does_not_fit(reader: Reader) -> Iterator[Issue]:
    """A count with shared experts is not what another source's routed experts and the shared ones add up to."""
    for claims in _by_configuration(reader):
        for printed, routed in _COUNTS.items():
            for claim in claims[printed]:
                if claim.counting == "unclear" or claim.number is None or claim.setting:
                    continue
                for other in claims[routed]:
                    if other.number is None or any(own.source == claim.source for own in claims[routed]):
                        continue  # a source with a routed count of its own disagrees in that field, if at all
                    shared = _shared(claims, claim) if claim.counting != "excl-shared" else None
                    expected = other.number + (shared.number or 0 if shared else 0)
                    if claim.number == expected or (shared is None and claim.counting != "excl-shared"):
                        continue
                    yield _misfit(claim, other, shared, expected)


def _misfit(claim: Claim, other: Claim, shared: Claim | None, expected: float) -> Issue:
    """What a reader sees of a sum that does not fit, with the way of counting that would make it fit."""
    parts = f"{said(other)} routed" + (f" and {said(shared)} shared" if shared else "")
    message = f"{claim.field} is {said(claim)}, but {parts} make {expected:g}"
    if claim.number == other.number:
        message += "; it is the number of routed experts alone, the shared ones left out"
    elif shared and shared.number and claim.number == expected + shared.number:
        message += "; the shared ones are counted twice"
    involved = (claim, other, *([shared] if shared else []))
    detail = f"{claim.table_row or claim.source}; {other.table_row or other.source}"
    return Issue(claim.subject, message, claim.configuration, claim.field, detail, involved)


def routed_with_shared(reader: Reader) -> Iterator[Issue]:
    """A count said to be of routed experts is what another source counts with the shared ones."""
    for claims in _by_configuration(reader):
        for routed in _COUNTS.values():
            for claim in claims[routed]:
                for other in claims[routed]:
                    shared = _shared(claims, other)
                    if claim.source == other.source or other.number is None or shared is None or not shared.number:
                        continue
                    if claim.number != other.number + shared.number:
                        continue
                    message = (
                        f"{routed} {said(claim)} is {said(other)} plus {said(shared)}: the shared ones seem to be in it"
                    )
                    detail = claim.table_row or claim.source
                    yield Issue(claim.subject, message, claim.configuration, routed, detail, (claim, other, shared))


def no_room_for_shared(reader: Reader) -> Iterator[Issue]:
    """A count said to include shared experts leaves no routed one when they are taken off."""
    for claims in _by_configuration(reader):
        for printed in _COUNTS:
            for claim in claims[printed]:
                shared = _shared(claims, claim)
                if claim.counting == "excl-shared" or claim.number is None or shared is None or not shared.number:
                    continue
                if claim.number <= shared.number and shared.source == claim.source:
                    message = f"{printed} {said(claim)} leaves no routed expert beside {said(shared)} shared"
                    detail = claim.table_row or claim.source
                    yield Issue(claim.subject, message, claim.configuration, printed, detail, (claim, shared))


def fits_one_way_only(reader: Reader) -> Iterator[Issue]:
    """Where a source does not say whether its counts include shared experts, its sizes fit in one way only."""
    unclear_ones = evidence.counts_with_unclear_scope(reader)
    for claims, sheet, sizes, vocabulary in printed_sheets(reader, unclear_ones):
        if sheet.counting != "unclear" or not sheet.n_shared_experts:
            continue
        ways: tuple[Counting, Counting] = ("incl-shared", "excl-shared")
        fitting = [way for way in ways if not check_sheet(replace(sheet, counting=way), sizes, vocabulary)]
        if len(fitting) == 1:
            counted = [*claims["n_experts_active"], *claims["n_experts_total"]]
            listed = " and ".join(f"{size.field} {said(size)}" for size in sizes)
            way = "within the counts" if fitting == ["incl-shared"] else "on top of the counts"
            shared = f"{sheet.n_shared_experts} shared a layer"
            message = f"{listed} can only be reached with the shared experts {way} of experts ({shared})"
            detail = counted[0].table_row or counted[0].source
            yield Issue(
                counted[0].subject, message, counted[0].configuration, counted[0].field, detail, (*counted, *sizes)
            )


def _shared(claims: dict[str, list[Claim]], beside: Claim) -> Claim | None:
    """How many shared experts the source of a claim counts, in the same row if it is a table's."""
    found = [c for c in claims["n_shared_experts"] if c.source == beside.source and c.table_row == beside.table_row]
    return found[0] if found else None


def _by_configuration(reader: Reader) -> Iterator[dict[str, list[Claim]]]:
    """The claims about counts of each configuration, by field."""
    fields = ("n_shared_experts", *_COUNTS, *_COUNTS.values())
    grouped: dict[tuple[str, str], dict[str, list[Claim]]] = defaultdict(lambda: defaultdict(list))
    for claim in evidence.claims(reader, *fields, repeats=False):
        if claim.configuration is not None:
            grouped[claim.subject, claim.configuration][claim.field].append(claim)
    yield from grouped.values()
