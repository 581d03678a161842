"""Sizes that do not follow from the hyperparameters they are claimed with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

from moe_kb.audit.changes import changed
from moe_kb.audit.claims import said
from moe_kb.audit.datasheet import Range, Sheet, Sizes, sheet_of
from moe_kb.audit.issue import Issue
from moe_kb.claims.agreement import stands_for
from moe_kb.claims.claim import Claim
from moe_kb.db.reader import Reader
from moe_kb.format import compact
from moe_kb.queries import evidence
from moe_kb.records import Architecture, Configuration
from moe_kb.records.sublayers import Attention, Dense, Mixture, Sublayer
from moe_kb.sizing.parameters import Parameters, UnsizedError, count, edited

#: Vocabularies where no record tells of any.
VOCABULARY = Range(30_000, 270_000)

#: Sizes that sources claim, and what of the count they are.
CLAIMED: dict[str, Callable[[Parameters], float]] = {
    "params_total": lambda p: p.total,
    "params_active": lambda p: float(p.active),
    "params_active_excl_input_embedding": lambda p: float(p.active_excl_input_embedding),
    "params_active_excl_embeddings_and_head": lambda p: float(p.active_excl_embeddings_and_head),
    "params_total_excl_embeddings_and_head": lambda p: p.total_excl_embeddings_and_head,
    "params_embedding": lambda p: p.parts["embedding"].total,
    "params_routed_experts": lambda p: p.parts["routed"].total,
    "params_routed_experts_active": lambda p: float(p.parts["routed"].active),
}
#: Fields that make up a sheet.
_HYPERPARAMETERS = tuple(
    """d_model n_layers n_routed_experts experts_per_token n_experts_total n_experts_active n_shared_experts d_expert
    d_ffn n_heads d_head activation moe_placement """.split()  # noqa: SIM905  a list of words reads better as words
)
#: At most so many explanations are listed.
_EXPLANATIONS = 6


@dataclass(frozen=True)
class Misfit:
    """A claimed size outside what the shape allows."""

    claim: Claim
    computed: Range
    explanations: tuple[str, ...]
    """Single-field changes under which all claimed sizes fit."""

    @property
    def message(self) -> str:
        """In a line: the claim, what the shape makes, the difference, and what would explain it."""
        low, high = self.computed
        makes = compact(low) if compact(low) == compact(high) else f"{compact(low)} to {compact(high)}"
        if low == high:
            makes = f"{low:,.0f}"
        claimed = float(self.claim.number or 0)
        nearest = min((low, high), key=lambda bound: abs(bound - claimed))
        over = (claimed - nearest) / nearest if nearest else 0.0
        text = f"claimed {said(self.claim)}, the hyperparameters make {makes} ({over:+.1%})"
        if self.explanations:
            text += "; would fit with " + ", or ".join(self.explanations)
        return text


@dataclass(frozen=True)
class Size:
    """A claimed size and the values it stands for: the least, and the one that is too large."""

    claim: Claim
    low: float
    high: float

    @classmethod
    def of(cls, claim: Claim) -> Size:
        """The size in a numeric claim."""
        low, high = stands_for(claim)
        return cls(claim, float(low), float(high))


def check_configuration(
    configuration: Configuration, claims: Sequence[Claim], vocabulary: Range = VOCABULARY, *, explain: bool = True
) -> list[Misfit]:
    """Claims about sizes that a described configuration does not bear out.

    Args:
        configuration: One size of a model; without an architecture nothing is found.
        claims: Claims about it; those about sizes are looked at.
        vocabulary: Sizes of vocabularies to reckon with where the architecture gives none.
        explain: Whether to look for single-field changes under which the claims would fit.
    """
    architecture = configuration.architecture
    sizes = [Size.of(claim) for claim in claims if claim.field in CLAIMED and claim.number is not None]
    counted = _counts(architecture, vocabulary) if architecture and sizes else []
    wrong = [size for size in sizes if counted and not _fits(size, counted)]
    if architecture is None or not wrong:
        return []
    explanations = [
        description
        for description, other in (changed(architecture) if explain else ())
        if (parameters := _counts(other, vocabulary)) and all(_fits(size, parameters) for size in sizes)
    ]
    return [Misfit(size.claim, _range(size, counted), tuple(explanations[:_EXPLANATIONS])) for size in wrong]


def _fits(size: Size, counted: Sequence[Parameters]) -> bool:
    return _range(size, counted).meets(size.low, size.high)


def _range(size: Size, counted: Sequence[Parameters]) -> Range:
    values = [CLAIMED[size.claim.field](parameters) for parameters in counted]
    return Range(min(values), max(values))


def _counts(architecture: Architecture, vocabulary: Range) -> list[Parameters]:
    """Parameters by every reading of what the architecture leaves open; none where its layers cannot be sized."""
    try:
        return [count(architecture)]
    except UnsizedError:
        counted = []
    vocabularies = [architecture.vocab_size] if architecture.vocab_size else [int(bound) for bound in vocabulary]
    tied = [True, False] if architecture.tied_embeddings is None else [architecture.tied_embeddings]
    for size, is_tied, activation in product(vocabularies, tied, ("gelu", "swiglu")):
        update = {"vocab_size": size, "tied_embeddings": is_tied, "norm": architecture.norm or "rms"}
        filled = edited(architecture.model_copy(update=update), _completed(activation, architecture.d_model))
        try:
            counted.append(count(filled))
        except UnsizedError:
            return []
    return counted


def _completed(activation: str, d_model: int | None) -> Callable[[Sublayer], Sublayer]:
    """Give networks an activation and heads a width where they have none."""

    def edit(sublayer: Sublayer) -> Sublayer:
        if isinstance(sublayer, (Dense, Mixture)) and sublayer.activation is None:
            return sublayer.model_copy(update={"activation": activation})
        if isinstance(sublayer, Attention) and sublayer.d_head is None and d_model:
            return sublayer.model_copy(update={"d_head": max(1, d_model // sublayer.n_heads)})
        return sublayer

    return edit


def check_sheet(sheet: Sheet, claims: Sequence[Claim], vocabulary: Range = VOCABULARY) -> list[Misfit]:
    """Claims about total and active parameters that a sheet does not bear out, in any of its readings.

    Args:
        sheet: Hyperparameters as one source gives them.
        claims: The same source's claims about `params_total` and `params_active`.
        vocabulary: Sizes of vocabularies to reckon with.
    """
    sizes = [Size.of(claim) for claim in claims]
    readings = list(sheet.sizes(vocabulary))
    if not readings or _borne_out(sizes, readings):
        return []
    explanations = [words for words, other in sheet.changed() if _borne_out(sizes, list(other.sizes(vocabulary)))]
    misfits = []
    for size in sizes:
        others = [other for other in sizes if other is not size]
        beside = [reading for reading in readings if all(_within(other, reading) for other in others)] or readings
        if not any(_within(size, reading) for reading in beside):
            nearest = min(
                (_of(size, reading) for reading in beside), key=partial(_distance, float(size.claim.number or 0))
            )
            misfits.append(Misfit(size.claim, nearest, tuple(explanations[:_EXPLANATIONS])))
    return misfits


def _borne_out(sizes: Sequence[Size], readings: Sequence[Sizes]) -> bool:
    """Whether one reading bears out all sizes."""
    return any(all(_within(size, reading) for size in sizes) for reading in readings)


def _within(size: Size, reading: Sizes) -> bool:
    return _of(size, reading).meets(size.low, size.high)


def _of(size: Size, reading: Sizes) -> Range:
    return reading.total if size.claim.field == "params_total" else reading.active


def _distance(number: float, found: Range) -> float:
    return min(abs(found.low - number), abs(found.high - number))


# --- rules -----------------------------------------------------------------------------------------------------------


def printed_shape(reader: Reader) -> Iterator[Issue]:
    """A size is outside what the hyperparameters of the same source allow, whatever it leaves unsaid."""
    for _, sheet, sizes, vocabulary in printed_sheets(reader):
        for misfit in check_sheet(sheet, sizes, vocabulary):
            claim = misfit.claim
            detail = claim.table_row or claim.source
            yield Issue(claim.subject, misfit.message, claim.configuration, claim.field, detail, (claim,))


def printed_sheets(
    reader: Reader, only: Collection[tuple[str, str | None]] | None = None
) -> Iterator[tuple[dict[str, list[Claim]], Sheet, list[Claim], Range]]:
    """What each source (each row of a table) gives of a configuration whose size it claims.

    Args:
        reader: The database.
        only: Subjects and configurations to look at; None: all of them.

    Yields:
        Its claims by field, the sheet they make, those about sizes, and the range of vocabularies to reckon with.
    """
    low, high = evidence.vocabulary_sizes(reader)
    vocabulary = Range(low, high) if low and high else VOCABULARY
    fields = (*_HYPERPARAMETERS, "params_total", "params_active")
    grouped: dict[tuple[str, str | None, str, str | None], dict[str, list[Claim]]] = {}
    for claim in evidence.printed_sizes(reader, fields):
        if only is not None and (claim.subject, claim.configuration) not in only:
            continue
        grouped.setdefault(_speaker(claim), defaultdict(list))[claim.field].append(claim)
    for claims in grouped.values():
        sizes = [c for field in ("params_total", "params_active") for c in claims.get(field, ())[:1] if c.number]
        sheet = sheet_of(claims) if sizes else None
        if sheet is not None:
            yield claims, sheet, sizes, vocabulary


def described_shape(reader: Reader) -> Iterator[Issue]:
    """A size is not what the described layers add up to."""
    described = evidence.described_configurations(reader)
    printed = printed_sheets(reader, {(record, label) for record, label, _ in described})
    with_sheet = {_speaker(claim) for _, _, sizes, _ in printed for claim in sizes}
    exact = evidence.exact_counts(reader)
    sizes: dict[tuple[str, str | None], list[Claim]] = defaultdict(list)
    for claim in evidence.claims(reader, *CLAIMED, repeats=False):
        if _speaker(claim) not in with_sheet:
            sizes[claim.subject, claim.configuration].append(claim)
    for record, label, architecture in described:
        found = sizes[record, label]
        # What sources round is held against an exact count by `claims/differ`; here it counts where there is none.
        counted = {claim.field for claim in found if claim.source in exact}
        found = [claim for claim in found if claim.source in exact or claim.field not in counted]
        if not found:
            continue
        configuration = Configuration(label=label, architecture=Architecture.model_validate_json(architecture))
        for misfit in check_configuration(configuration, found):
            claim = misfit.claim
            yield Issue(record, misfit.message, label, claim.field, claim.table_row or claim.source, (claim,))


def _speaker(claim: Claim) -> tuple[str, str | None, str, str | None]:
    """Who speaks of what: subject, configuration, source, row of the table."""
    return claim.subject, claim.configuration, claim.source, claim.table_row
