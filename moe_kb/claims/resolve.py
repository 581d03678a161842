"""Which of several claims is shown first, and where they do not agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from moe_kb.claims.agreement import agree, comparable
from moe_kb.claims.claim import Claim
from moe_kb.claims.venue import is_preprint
from moe_kb.names import parse_name
from moe_kb.records.base import Resolution

#: The best kind of source first.
_KINDS = ("config", "count", "paper", "model-card", "documentation", "survey", "repository", "list", "page", "run")
SOURCE_RANK = {kind: rank for rank, kind in enumerate(_KINDS)}


@dataclass(slots=True)
class Dispute:
    """Claims about one field that do not agree, or whose counting is unclear."""

    kind: str
    """`values`, `counting`, or `note` (a resolving note that no claim bears out)."""
    subject: str
    configuration: str | None
    field: str
    setting: str | None
    claims: list[Claim]
    """The claims concerned, the preferred one first."""
    resolution: Resolution | None = None
    """The note that closes it."""


def resolve(
    claims: Iterable[Claim], source_types: Mapping[str, str], resolutions: Mapping[str, list[Resolution]]
) -> list[Dispute]:
    """Mark the preferred claim of every field and list the disputes.

    Args:
        claims: Claims with their final subjects; `preferred` and `repeats` are set in place.
        source_types: Source key to its type.
        resolutions: Subject to its resolving notes.
    """
    groups: dict[_Key, list[Claim]] = {}
    for claim in claims:
        claim.preferred = claim.repeats = False
        key = (claim.subject, claim.configuration, claim.field, claim.setting)
        groups.setdefault(key, []).append(claim)
    disputes: list[Dispute] = []
    for (subject, configuration, name, setting), group in groups.items():
        if len(group) == 1:
            group[0].preferred = True
            if group[0].counting == "unclear":
                disputes.append(Dispute("counting", subject, configuration, name, setting, group))
            continue
        note = _note(resolutions.get(subject, []), configuration, name, group)
        prefer = note.prefer if note else None
        group.sort(key=lambda claim: _rank(claim, source_types, prefer))
        group[0].preferred = True
        _mark_repeats(group)
        unclear = [claim for claim in group if claim.counting == "unclear"]
        if unclear:
            disputes.append(Dispute("counting", subject, configuration, name, setting, unclear, note))
        if name not in MULTIVALUED and not subject.startswith("table:"):
            differing = _differing(group)
            if differing:
                disputes.append(Dispute("values", subject, configuration, name, setting, differing, note))
    disputes.extend(_across_levels(groups, resolutions))
    disputes.extend(_idle_notes(groups, resolutions))
    return disputes


_Key = tuple[str, str | None, str, str | None]
"""Subject, configuration, field, setting."""


def _note(notes: list[Resolution], configuration: str | None, name: str, group: list[Claim]) -> Resolution | None:
    """The note that resolves a group: it is about this very field and configuration, and a claim bears it out."""
    made = {claim.source for claim in group}
    here = (note for note in notes if (note.field, note.configuration) == (name, configuration))
    return next((note for note in here if note.prefer in made), None)


def _mark_repeats(group: list[Claim]) -> None:
    """Mark claims that say what a claim of the same source says already: a record's own field and its table's cell."""
    seen: set[tuple[str, str]] = set()
    for claim in sorted(group, key=lambda claim: (not claim.preferred, claim.table_row is None)):
        claim.repeats = (claim.source, claim.text) in seen
        seen.add((claim.source, claim.text))


def _across_levels(groups: Mapping[_Key, list[Claim]], resolutions: Mapping[str, list[Resolution]]) -> list[Dispute]:
    """Disputes between a model and its only configuration, of which sources speak in turns."""
    parts: dict[str, set[str]] = {}
    for subject, configuration, _, _ in groups:
        if configuration is not None and subject.startswith("model:"):
            parts.setdefault(subject, set()).add(configuration)
    disputes = []
    for (subject, configuration, name, setting), whole in groups.items():
        only = parts.get(subject, set())
        if configuration is not None or len(only) != 1:
            continue
        (label,) = only
        detail = groups.get((subject, label, name, setting))
        if detail is None or _differing(whole) or _differing(detail):
            continue  # said already
        differing = _differing([*detail, *whole])
        if differing:
            note = _note(resolutions.get(subject, []), label, name, differing)
            disputes.append(Dispute("values", subject, label, name, setting, differing, note))
    return disputes


def _idle_notes(groups: Mapping[_Key, list[Claim]], resolutions: Mapping[str, list[Resolution]]) -> list[Dispute]:
    """Notes that prefer a source which makes no such claim: they resolve nothing, and somebody should know."""
    made = {
        (subject, configuration, name, claim.source)
        for (subject, configuration, name, _), group in groups.items()
        if subject in resolutions
        for claim in group
    }
    return [
        Dispute("note", subject, note.configuration, note.field, None, [])
        for subject, notes in resolutions.items()
        for note in notes
        if (subject, note.configuration, note.field, note.prefer) not in made
    ]


#: Fields of which one subject may have many values at once.
MULTIVALUED = frozenset({"loss_terms", "introduced_by", "adopted_by", "modified_by", "aliases", "authors", "papers"})


def _rank(
    claim: Claim, source_types: Mapping[str, str], prefer: str | None
) -> tuple[bool, bool, int, bool, bool, bool, str]:
    return (
        prefer is not None and claim.source != prefer,
        # That it appeared since says more than that it did not yet, a name in full more than its initials.
        (claim.field == "venue" and is_preprint(claim.text)) or _has_initials_only(claim),
        SOURCE_RANK.get(source_types.get(claim.source, "page"), len(SOURCE_RANK)),
        claim.status != "reported",
        claim.counting == "unclear",
        claim.table_row is None,  # the cell shows the precision, a record's own field does not
        # Of equals the first by name, so that a refresh decides as a full build does.
        claim.record,
    )


def _has_initials_only(claim: Claim) -> bool:
    """Whether it lists authors as a reference does, without their given names."""
    names = claim.value if claim.field == "authors" and isinstance(claim.value, list) else []
    return bool(names) and all(parse_name(str(name)).initials_only for name in names)


def _differing(group: list[Claim]) -> list[Claim]:
    """Claims that disagree with at least one other, in order of preference."""
    group = [claim for claim in group if not claim.repeats]
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
