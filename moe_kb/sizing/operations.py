"""Floating-point operations of one token's forward pass: a multiplication and an addition are two.

Counted are products with weights, of queries with keys, of attention weights with values, and of recurrent states.
Norms, activations, softmax, rotations and routing's sorting are left out: they grow with widths, not their products.
Symbols: L tokens, c tokens that a token looks at, H heads, d widths, r ranks, N width of a state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import singledispatch

from moe_kb.records.architecture import Architecture
from moe_kb.records.sublayers import (
    Attention,
    AttentionExperts,
    CompressedAttention,
    Indexer,
    LatentAttention,
    LinearAttention,
    StateSpace,
    Sublayer,
)
from moe_kb.sizing.context import Context
from moe_kb.sizing.parameters import Parameters, PartName, inner_width, written


@dataclass(frozen=True)
class Operations:
    """Operations of one token (of a prefill, the mean).

    Attributes:
        by_part: 2 for each weight that the token is multiplied with: all active ones but norms and the table that a
            row is only looked up in. A tied table is the head then.
        attention: of queries with keys and of attention weights with values, indexers included.
        state: of recurrent states.
    """

    by_part: Mapping[PartName, Fraction]
    attention: Fraction
    state: Fraction

    @property
    def weights(self) -> Fraction:
        """Those with weights, of all parts."""
        return sum(self.by_part.values(), Fraction())

    @property
    def total(self) -> Fraction:
        """All of them."""
        return self.weights + self.attention + self.state


def operations(architecture: Architecture, parameters: Parameters, context: Context) -> Operations:
    """Operations of `architecture`, whose `parameters` were counted, for a token in `context`."""
    by_part = {part: 2 * share.active for part, share in parameters.parts.items() if part not in ("embedding", "norm")}
    if parameters.tied:
        by_part["head"] = 2 * parameters.parts["embedding"].active
    attention, state = Fraction(), Fraction()
    for name, stack in architecture.stacks.items():
        for times, sublayer, _ in written(stack.groups, 1, name):
            looking, recurrent = _operations(sublayer, architecture.d_model or 0, context, name == "encoder")
            attention += times * looking
            state += times * recurrent
    return Operations(by_part, attention, state)


@singledispatch
def _operations(sublayer: Sublayer, D: int, context: Context, encoder: bool) -> tuple[Fraction, Fraction]:
    """Operations beside those with weights: of attention, and of a state of d_model's order of width."""
    return Fraction(), Fraction()


@_operations.register
def _(sublayer: Attention, D: int, context: Context, encoder: bool) -> tuple[Fraction, Fraction]:
    """2 H (d + d_v) c; with an indexer c is what it picks, and its own products are added."""
    d = sublayer.d_head or 0
    looked, index = _indexed(sublayer.indexer, context, sublayer.window, both_sides=encoder or sublayer.cross)
    return 2 * sublayer.n_heads * (d + (sublayer.d_value or d)) * looked + index, Fraction()


@_operations.register
def _(sublayer: LatentAttention, D: int, context: Context, encoder: bool) -> tuple[Fraction, Fraction]:
    """Prefill 2 H (d_nope + d_rope + d_v) c; decode works on the cached ranks: 2 H (2 r_kv + d_rope) c."""
    looked, index = _indexed(sublayer.indexer, context, sublayer.window, both_sides=encoder)
    if context.phase == "decode":
        width = 2 * sublayer.kv_rank + sublayer.d_rope
    else:
        width = sublayer.d_nope + sublayer.d_rope + sublayer.d_value
    return 2 * sublayer.n_heads * width * looked + index, Fraction()


@_operations.register
def _(sublayer: CompressedAttention, D: int, context: Context, encoder: bool) -> tuple[Fraction, Fraction]:
    """4 H d (window + entries), entries being c / ratio or what the indexer picks of them."""
    looked, index = context.seen(sublayer.window), Fraction()
    if sublayer.ratio:
        entries, index = _indexed(sublayer.indexer, context, ratio=sublayer.ratio)
        looked += entries
    return 4 * sublayer.n_heads * sublayer.d_head * looked + index, Fraction()


@_operations.register
def _(sublayer: AttentionExperts, D: int, context: Context, encoder: bool) -> tuple[Fraction, Fraction]:
    """4 H d c for each chosen expert."""
    heads = sublayer.experts_per_token * sublayer.n_heads
    return 4 * heads * sublayer.d_head * context.seen(both_sides=encoder), Fraction()


@_operations.register
def _(sublayer: LinearAttention, D: int, context: Context, encoder: bool) -> tuple[Fraction, Fraction]:
    """2 H d_k d_v to write the state and to read it; the delta rule reads once more before it writes."""
    products = 2 if sublayer.kind == "lightning" else 3
    return Fraction(), Fraction(
        2 * products * (sublayer.n_heads or 0) * (sublayer.d_key or 0) * (sublayer.d_value or 0)
    )


@_operations.register
def _(sublayer: StateSpace, D: int, context: Context, encoder: bool) -> tuple[Fraction, Fraction]:
    """4 N for each inner channel: written once, read once."""
    return Fraction(), Fraction(4 * inner_width(sublayer, D) * (sublayer.d_state or 0))


def _indexed(
    indexer: Indexer | None, context: Context, window: int | None = None, *, ratio: int = 1, both_sides: bool = False
) -> tuple[Fraction, Fraction]:
    """Entries, of `ratio` tokens each, that are looked at, and the operations of the indexer that scored them all."""
    candidates = context.seen(window, both_sides=both_sides) / ratio
    if indexer is None:
        return candidates, Fraction()
    most = indexer.top_k * ratio
    looked = context.seen(most if window is None else min(window, most), both_sides=both_sides) / ratio
    own = 0 if indexer.takes_over_choice else 2 * indexer.n_heads * indexer.d_head
    return looked, own * candidates
