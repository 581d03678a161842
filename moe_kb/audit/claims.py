"""Claims that disagree, within a field and between fields that must fit each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from moe_kb.audit.issue import Issue, Waived
from moe_kb.claims.claim import Claim
from moe_kb.claims.placement import layers_with_experts
from moe_kb.db.reader import Reader
from moe_kb.queries import evidence
from moe_kb.records import Architecture
from moe_kb.records.sublayers import Dense


def differ(reader: Reader) -> Iterator[Issue]:
    """Sources give values for one field that do not agree within the precision they print."""
    yield from disputes(reader, "values")


def idle_note(reader: Reader) -> Iterator[Issue]:
    """A resolving note prefers a source that makes no such claim, so it settles nothing."""
    yield from disputes(reader, "note")


def disputes(reader: Reader, kind: str) -> Iterator[Issue]:
    """Issues from the disagreements of one kind that the build has written down."""
    rows = evidence.disagreements_of(reader, kind)
    by_id = evidence.claims_by_id(reader, (number for *_, ids, _ in rows for number in ids))
    notes = evidence.notes_that_resolve(reader, {subject for subject, *_, resolved in rows if resolved})
    for subject, configuration, field, setting, ids, resolved in rows:
        claims = tuple(by_id[number] for number in ids)
        waived = None
        if resolved:
            sources = {claim.source for claim in claims}
            here = [note for note in notes[subject] if (note.field, note.configuration) == (field, configuration)]
            # The first that prefers one of the sources concerned, else the first of all.
            note = min(here, key=lambda note: note.prefer not in sources, default=None)
            waived = Waived(note.reason, note.source, note.locator) if note else None
        yield Issue(subject, _MESSAGES[kind](claims), configuration, field, setting, claims, waived=waived)


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


def shown_not_preferred(reader: Reader) -> Iterator[Issue]:
    """A paper shows another title or venue than the preferred claim; such text is not compared otherwise."""
    rows = evidence.fields_shown(reader)
    by_id = evidence.claims_by_id(reader, (number for *_, number in rows))
    for record, field, shown, number in rows:
        claim = by_id[number]
        message = f"the record shows {shown or 'none'}, but preferred is {said(claim)}"
        yield Issue(record, message, None, field, claim.source, (claim,))


# --- between fields ------------------------------------------------------------------------------------------------

#: Fields of which one must not be greater than the other, and why.
_ORDERED = (
    ("params_active", "params_total", "a token cannot use more parameters than there are"),
    ("n_moe_layers", "n_layers", "no more layers can hold experts than there are"),
    ("experts_per_token", "n_routed_experts", "a token cannot use more routed experts than there are"),
    ("n_experts_active", "n_experts_total", "a token cannot use more experts than there are"),
    ("n_kv_heads", "n_heads", "there are no more key-value heads than query heads"),
)


def impossible_order(reader: Reader) -> Iterator[Issue]:
    """Two numbers of one source cannot both hold, such as more active than total parameters."""
    for small, large, why in _ORDERED:
        pairs = evidence.ordered_wrongly(reader, small, large)
        by_id = evidence.claims_by_id(reader, (number for pair in pairs for number in pair))
        for left, right in ((by_id[first], by_id[second]) for first, second in pairs):
            message = f"{small} {said(left)} exceeds {large} {said(right)}: {why}"
            detail = left.table_row or left.source
            yield Issue(left.subject, message, left.configuration, small, detail, (left, right))


def placement_of_experts(reader: Reader) -> Iterator[Issue]:
    """The printed placement of the experts gives another number of layers than the layers themselves."""
    for claim in evidence.claims(reader, "moe_placement"):
        if claim.configuration is None:
            continue
        others = evidence.claims_beside(reader, claim, "n_layers", "n_moe_layers")
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


def dense_width_without_dense_layer(reader: Reader) -> Iterator[Issue]:
    """A width of dense feed-forward networks is claimed where the layers have none, and it is not the experts' own."""
    without = {
        (model, label)
        for model, label, text in evidence.described_configurations(reader)
        if not _has_dense(Architecture.model_validate_json(text))
    }
    for claim in evidence.claims(reader, "d_ffn", repeats=False):
        if (claim.subject, claim.configuration) not in without:
            continue
        widths = [other for other in evidence.claims_beside(reader, claim, "d_expert") if other.number is not None]
        if any(width.number == claim.number for width in widths):
            continue  # the source gives the experts' width under the usual name
        experts = f"; experts are {said(widths[0])} wide" if widths else ""
        message = f"d_ffn {said(claim)}, but no layer has a dense feed-forward network{experts}"
        detail = claim.table_row or claim.source
        yield Issue(claim.subject, message, claim.configuration, "d_ffn", detail, (claim, *widths[:1]))


def _has_dense(architecture: Architecture) -> bool:
    return any(
        isinstance(part, Dense) for stack in architecture.stacks.values() for layer in stack.layers() for part in layer
    )
