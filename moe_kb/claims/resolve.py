"""Which of several claims is shown first, and where they do not agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from moe_kb.claims.agreement import agree, comparable
from moe_kb.claims.statement import Statement
from moe_kb.records.base import Resolution

#: The best kind of source first.
SOURCE_RANK = {
    kind: rank
    for rank, kind in enumerate(
        ("config", "count", "paper", "model-card", "documentation", "survey", "repository", "list", "page", "run")
    )
}


@dataclass(slots=True)
class Dispute:
    """Claims about one field that do not agree, or whose counting is unclear."""

    kind: str
    """`values` or `counting`."""
    subject: str
    part: str | None
    field: str
    setting: str | None
    claims: list[Statement]
    """The claims concerned, the preferred one first."""
    resolution: Resolution | None = None
    """The note that closes it."""


def resolve(
    claims: Iterable[Statement], source_types: Mapping[str, str], resolutions: Mapping[str, list[Resolution]]
) -> list[Dispute]:
    """Mark the preferred claim of every field and list the disputes.

    Args:
        claims: Claims with their final subjects; `preferred` is set in place.
        source_types: Source key to its type.
        resolutions: Subject to its resolving notes.
    """
    groups: dict[tuple[str, str | None, str, str | None], list[Statement]] = {}
    for claim in claims:
        key = (claim.subject, claim.part, claim.field, claim.setting)
        group = groups.get(key)
        if group is None:
            groups[key] = [claim]
        else:
            group.append(claim)
    disputes: list[Dispute] = []
    for (subject, part, name, setting), group in groups.items():
        if len(group) == 1:
            group[0].preferred = True
            if group[0].counting == "unclear":
                disputes.append(Dispute("counting", subject, part, name, setting, group))
            continue
        note = next((n for n in resolutions.get(subject, []) if n.field == name and n.part in (None, part)), None)
        prefer = note.prefer if note else None
        group.sort(key=lambda claim: _rank(claim, source_types, prefer))
        group[0].preferred = True
        unclear = [claim for claim in group if claim.counting == "unclear"]
        if unclear:
            disputes.append(Dispute("counting", subject, part, name, setting, unclear, note))
        if name not in MULTIVALUED and not subject.startswith("table:"):
            differing = _differing(group)
            if differing:
                disputes.append(Dispute("values", subject, part, name, setting, differing, note))
    return disputes


#: Fields of which one subject may have many values at once.
MULTIVALUED = frozenset({"loss_terms", "introduced_by", "adopted_by", "modified_by", "aliases", "authors", "papers"})


def _rank(claim: Statement, source_types: Mapping[str, str], prefer: str | None) -> tuple[bool, int, bool, bool, str]:
    return (
        prefer is not None and claim.source != prefer,
        SOURCE_RANK.get(source_types.get(claim.source, "page"), len(SOURCE_RANK)),
        claim.status != "reported",
        claim.counting == "unclear",
        # Of equals the first by name, so that a refresh decides as a full build does.
        claim.record,
    )


def _differing(group: list[Statement]) -> list[Statement]:
    """Claims that disagree with at least one other, in order of preference."""
    wrong = {
        id(claim)
        for position, left in enumerate(group)
        for right in group[position + 1 :]
        if left.counting != "unclear"
        and right.counting != "unclear"
        and comparable(left, right)
        and not agree(left, right)
        for claim in (left, right)
    }
    return [claim for claim in group if id(claim) in wrong]
