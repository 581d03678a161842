"""Exact parameters of an architecture, in all and of one token, by part.

Scope: the text model without multi-token-prediction layers and vision tower; buffers, such as a selection bias that is
not trained by gradient, are not counted. Every formula is the product of the shapes of the matrices it names; symbols:
D `d_model`, H heads, G key-value heads, d width of a head, E routed experts, k chosen, F width of an expert or a
feed-forward network, V vocabulary.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import singledispatch
from math import prod
from typing import Literal, NamedTuple, get_args

from moe_kb.records.architecture import Architecture, LayerGroup
from moe_kb.records.sublayers import (
    MATRICES,
    AnySublayer,
    Attention,
    AttentionExperts,
    CompressedAttention,
    Dense,
    Expression,
    Indexer,
    LatentAttention,
    LinearAttention,
    Mixture,
    ShortConvolution,
    StateSpace,
    Sublayer,
    UnknownMixer,
    Weight,
)
from moe_kb.sizing.granularity import dense_equivalents

PartName = Literal["embedding", "head", "mixer", "routed", "shared", "dense", "router", "norm", "other"]
"""Where parameters sit. `mixer`: attention or what stands in its place; `other`: hyper-connections, position tables."""
PARTS: tuple[PartName, ...] = get_args(PartName)


class UnsizedError(ValueError):
    """The architecture leaves unsaid what its size depends on; the message names each place and field."""

    def __init__(self, missing: Sequence[str]) -> None:
        self.missing = tuple(dict.fromkeys(missing))
        super().__init__("cannot be sized: " + "; ".join(self.missing))


class Share(NamedTuple):
    """Parameters of a part: all of them, and those that one token passes through (on average)."""

    total: int
    active: Fraction


@dataclass(frozen=True)
class Parameters:
    """Parameters by part.

    Attributes:
        parts: of each part, all and those of one token.
        tied: whether input and output embeddings are one tensor, which then counts once, as `embedding`.
        tables: of the part `embedding`, tables besides the input embedding.
    """

    parts: dict[PartName, Share]
    tied: bool
    tables: int = 0

    @property
    def total(self) -> int:
        """All of them, a tied tensor once."""
        return sum(share.total for share in self.parts.values())

    @property
    def active(self) -> Fraction:
        """Of one token, embedding and head included whole."""
        return sum((share.active for share in self.parts.values()), Fraction())

    @property
    def active_excl_input_embedding(self) -> Fraction:
        """The same without what a token only looks rows up in; a tied embedding stays, as it is the head."""
        return self.active - (self.tables if self.tied else self.parts["embedding"].active)

    @property
    def active_excl_embeddings_and_head(self) -> Fraction:
        """The same without either."""
        return self.active - self.parts["embedding"].active - self.parts["head"].active

    @property
    def total_excl_embeddings_and_head(self) -> int:
        """All but embedding and head."""
        return self.total - self.parts["embedding"].total - self.parts["head"].total

    @property
    def sparsity(self) -> float:
        """Share of all parameters that a token does not use."""
        return float(1 - self.active / self.total)


def count(architecture: Architecture) -> Parameters:
    """Count `architecture`.

    Raises:
        UnsizedError: naming every field that is missing.
    """
    missing: list[str] = []
    D, V, tied = architecture.d_model, architecture.vocab_size, architecture.tied_embeddings
    missing += [
        f"{name} is not given" for name, value in (("d_model", D), ("vocab_size", V), ("tied_embeddings", tied))
        if value is None
    ]  # fmt: skip
    if architecture.norm is None:
        missing.append("norm is not given")
    if D is None:
        raise UnsizedError(missing)
    norm = 2 * D if architecture.norm == "layer" else D
    streams = architecture.residual_streams or 1
    total: defaultdict[PartName, int] = defaultdict(int)
    active: defaultdict[PartName, Fraction] = defaultdict(Fraction)
    for name, stack in architecture.stacks.items():
        for times, sublayer, place in written(stack.groups, 1, name):
            try:
                shares = count_sublayer(sublayer, D)
            except UnsizedError as error:
                missing += [f"{place}: {why}" for why in error.missing]
                continue
            norms = 1 if sublayer.norms is None else sublayer.norms
            shares.append(("norm", fixed(norms * norm)))
            if streams > 1:
                shares.append(("other", fixed(_hyper_connection(streams, D))))
            for part, share in shares:
                total[part] += times * share.total
                active[part] += times * share.active
        total["norm"] += norm
        active["norm"] += norm
    if missing or V is None:
        raise UnsizedError(missing)
    tables = _size([weight for weight in architecture.weights if weight.table])
    whole: list[tuple[PartName, int]] = [("embedding", V * D + tables)]
    whole.append(("other", _size(architecture.weights) - tables))
    whole.append(("head", 0 if tied else V * D))
    if streams > 1:
        whole.append(("other", streams * streams * D + streams + 1))  # the read-out of the streams
    for part, size in whole:
        total[part] += size
        active[part] += size
    return Parameters({part: Share(total[part], active[part]) for part in PARTS}, bool(tied), tables)


Shares = list[tuple[PartName, Share]]


def fixed(size: int) -> Share:
    """Parameters that every token uses."""
    return Share(size, Fraction(size))


def count_sublayer(sublayer: Sublayer, d_model: int) -> Shares:
    """Parameters of one sublayer, without the norms around it.

    Raises:
        UnsizedError: naming every field that is missing.
    """
    shares = _count(sublayer, d_model)
    if sublayer.weights:
        shares.append(("router" if isinstance(sublayer, Mixture) else shares[0][0], fixed(_size(sublayer.weights))))
    return shares


def expected_experts(mixture: Mixture) -> Fraction:
    """Routed experts with weights that a token passes through: k, less what zero experts take of an even choice."""
    E, Z = mixture.n_routed_experts, mixture.zero.count if mixture.zero else 0
    return Fraction(mixture.experts_per_token * E, E + Z)


def expert_size(mixture: Mixture, d_model: int) -> int:
    """Parameters of one routed expert: its matrices D x F (or latent width x F), and biases."""
    width, inner, matrices = mixture.d_latent or d_model, size_of_width(mixture), matrices_of(mixture)
    biases = (matrices - 1) * inner + width if mixture.bias else 0
    return matrices * width * inner + biases + _size(mixture.expert_weights)


def granularity(mixture: Mixture, d_model: int) -> Fraction:
    """Granularity of a described layer; see `dense_equivalents`."""
    return dense_equivalents(
        d_model=d_model, d_expert=size_of_width(mixture), matrices=matrices_of(mixture), d_input=mixture.d_latent
    )


@singledispatch
def _count(sublayer: Sublayer, D: int) -> Shares:
    raise UnsizedError([f"nothing is known of the size of a sublayer of kind {sublayer.kind!r}"])


@_count.register
def _(sublayer: UnknownMixer, D: int) -> Shares:
    if not sublayer.weights:
        raise UnsizedError(["the token mixer is unknown"])
    return [("mixer", fixed(0))]


@_count.register
def _(sublayer: Attention, D: int) -> Shares:
    """Queries D x Hd, keys D x Gd, values D x Gd_v, output Hd_v x D; an output gate D x Hd_v."""
    (d,) = _given(sublayer, "d_head")
    H, G, d_v = sublayer.n_heads, sublayer.n_kv_heads or sublayer.n_heads, sublayer.d_value or d
    queries = H * d
    keys = 0 if sublayer.shares_kv_with_previous else G * d
    values = 0 if sublayer.shares_kv_with_previous or sublayer.values_are_keys else G * d_v
    size = (queries + keys + values) * (D + (1 if sublayer.qkv_bias else 0))
    size += H * d_v * D * (2 if sublayer.output_gate else 1) + (D if sublayer.output_bias else 0)
    if sublayer.qk_norm == "per-head":
        size += 2 * d
    elif sublayer.qk_norm == "across-heads":
        size += queries + keys
    size += H if sublayer.sinks else 0
    return [("mixer", fixed(size + _indexer(sublayer.indexer, D, D)))]


@_count.register
def _(sublayer: LatentAttention, D: int) -> Shares:
    """Queries through rank r_q (or plain), keys and values through rank r_kv, each with a norm of its rank."""
    H, r_q, r_kv, d_n, d_r = sublayer.n_heads, sublayer.q_rank, sublayer.kv_rank, sublayer.d_nope, sublayer.d_rope
    d_v = sublayer.d_value
    queries = r_q * (D + 1 + H * (d_n + d_r)) if r_q else D * H * (d_n + d_r)
    keys_values = D * (r_kv + d_r) + r_kv + r_kv * H * (d_n + d_v)
    return [("mixer", fixed(queries + keys_values + H * d_v * D + _indexer(sublayer.indexer, D, r_q or D)))]


@_count.register
def _(sublayer: CompressedAttention, D: int) -> Shares:
    """Queries through a rank, one key-value head, a grouped output; the compressor's keys, gates, positions, norm.

    Entries that an indexer picks from overlap, and their compressor is twice as wide (DeepSeek-V4's code).
    """
    H, d, r_q, groups, r_o = sublayer.n_heads, sublayer.d_head, sublayer.q_rank, sublayer.o_groups, sublayer.o_rank
    size = r_q * (D + 1 + H * d) + d * (D + 1) + r_o * H * d + groups * r_o * D + (H if sublayer.sinks else 0)
    index = sublayer.indexer
    if sublayer.ratio:
        size += _compressor(sublayer.ratio, d, D, overlaps=index is not None)
    if index is not None and not index.takes_over_choice:
        size += _compressor(sublayer.ratio, index.d_head, D, overlaps=True)
        size += index.n_heads * (index.d_head * r_q + D)
    return [("mixer", fixed(size))]


def _compressor(ratio: int, d: int, D: int, *, overlaps: bool) -> int:
    width = 2 * d if overlaps else d
    return 2 * width * D + ratio * width + d


def _indexer(indexer: Indexer | None, D: int, query_from: int) -> int:
    """Queries from their compressed form, one key head with a layer norm, a weight for each head."""
    if indexer is None or indexer.takes_over_choice:
        return 0
    d = indexer.d_head
    return indexer.n_heads * (d * query_from + D) + d * D + 2 * d


@_count.register
def _(sublayer: AttentionExperts, D: int) -> Shares:
    """Each expert has queries and an output; keys and values are shared."""
    E, H, d = sublayer.n_routed_experts, sublayer.n_heads, sublayer.d_head
    routed = E * 2 * D * H * d
    mixer = 2 * D * sublayer.n_kv_heads * d + (D if sublayer.output_bias else 0)
    return [
        ("mixer", fixed(mixer)),
        ("routed", Share(routed, Fraction(routed * sublayer.experts_per_token, E))),
        ("router", fixed(E * D + _router_biases(sublayer))),
    ]


@_count.register
def _(sublayer: StateSpace, D: int) -> Shares:
    if sublayer.kind == "mamba":
        _, d_conv, rank, N = _given(sublayer, "expand", "d_conv", "dt_rank", "d_state")
        inner = inner_width(sublayer, D)
        size = D * 2 * inner + inner * (d_conv + 1) + inner * (rank + 2 * N) + rank * inner + inner
        size += inner * N + inner + inner * D
        return [("mixer", fixed(size))]
    heads, _, groups, N, d_conv = _given(sublayer, "n_heads", "d_head", "n_groups", "d_state", "d_conv")
    inner = inner_width(sublayer, D)
    convolved = inner + 2 * groups * N
    size = D * (inner + convolved + heads) + convolved * (d_conv + 1) + 3 * heads + inner + inner * D
    return [("mixer", fixed(size))]


def inner_width(sublayer: StateSpace, d_model: int) -> int:
    """Channels of a state-space mixer."""
    if sublayer.kind == "mamba":
        return (sublayer.expand or 0) * d_model
    return (sublayer.n_heads or 0) * (sublayer.d_head or 0)


@_count.register
def _(sublayer: LinearAttention, D: int) -> Shares:
    H, d_k, d_v = _given(sublayer, "n_heads", "d_key", "d_value")
    H_k = sublayer.n_key_heads or H
    keys, values = H_k * d_k, H * d_v
    if sublayer.kind == "lightning":  # queries, keys, values; a gate; a norm over all heads; output
        return [("mixer", fixed(5 * D * values + values))]
    (d_conv,) = _given(sublayer, "d_conv")
    size = (2 * keys + values) * (D + d_conv) + values * D
    if sublayer.kind == "gated-deltanet":  # gate; step and decay of each head, two vectors; a norm over a head
        size += D * values + 2 * D * H + 2 * H + d_v
    else:  # KDA: decay and gate (through one head's width), step of each head, two vectors, a norm over a head
        size += D * (keys + values) if sublayer.full_gates else d_v * (D + keys) + d_v * (D + values)
        size += D * H + keys + H + d_v
    return [("mixer", fixed(size))]


@_count.register
def _(sublayer: ShortConvolution, D: int) -> Shares:
    """Three projections in, a kernel for each channel, one out."""
    return [("mixer", fixed(4 * D * D + D * sublayer.d_conv))]


@_count.register
def _(sublayer: Dense, D: int) -> Shares:
    """Two matrices D x F, three with a gate."""
    F, matrices = size_of_width(sublayer), matrices_of(sublayer)
    return [("dense", fixed(matrices * D * F + ((matrices - 1) * F + D if sublayer.bias else 0)))]


@_count.register
def _(sublayer: Mixture, D: int) -> Shares:
    """E experts; shared experts of D x their width; a router D x (E + zero experts), or D x two halves of keys."""
    E = sublayer.n_routed_experts
    size = expert_size(sublayer, D)
    dense = (2 * D * sublayer.d_latent if sublayer.d_latent else 0) + (D if sublayer.output_bias else 0)
    shares: Shares = [
        ("router", fixed(D * router_rows(sublayer) + _router_biases(sublayer))),
        ("routed", Share(E * size, size * expected_experts(sublayer))),
    ]
    if dense:
        shares.append(("dense", fixed(dense)))
    if sublayer.shared is not None:
        matrices, shared = matrices_of(sublayer), sublayer.shared
        width = shared.count * shared.d_expert
        gate = D if shared.gate == "sigmoid" else 0
        bias = (matrices - 1) * width + D if sublayer.bias else 0
        shares.append(("shared", fixed(matrices * D * width + gate + bias)))
    return shares


def router_rows(sublayer: Mixture) -> int:
    """Outputs of a layer's router: a logit for each expert, or the keys of both halves of product-key retrieval."""
    if sublayer.router and sublayer.router.product_keys:
        return 2 * sublayer.router.product_keys
    return sublayer.n_routed_experts + (sublayer.zero.count if sublayer.zero else 0)


def _router_biases(sublayer: Mixture | AttentionExperts) -> int:
    zero = sublayer.zero.count if isinstance(sublayer, Mixture) and sublayer.zero else 0
    return sublayer.n_routed_experts + zero if sublayer.router and sublayer.router.logit_bias else 0


def _hyper_connection(streams: int, D: int) -> int:
    """Mappings into and out of n streams and between them, made from all streams; a base, three scales."""
    mappings = streams * (streams + 2)
    return mappings * streams * D + mappings + 3


def size_of_width(sublayer: Dense | Mixture) -> int:
    """Hidden width of a feed-forward network, or of one routed expert.

    Raises:
        UnsizedError: where it is only given as an expression.
    """
    width = sublayer.d_ffn if isinstance(sublayer, Dense) else sublayer.d_expert
    if isinstance(width, Expression):
        if width.value is None:
            field = "d_ffn" if isinstance(sublayer, Dense) else "d_expert"
            raise UnsizedError([f"{field} of {sublayer.kind} is only given as {width.printed!r}"])
        return width.value
    return width


def matrices_of(sublayer: Dense | Mixture) -> int:
    """Matrices of a feed-forward network, or of one expert.

    Raises:
        UnsizedError: its activation is not given.
    """
    if sublayer.activation is None:
        raise UnsizedError([f"activation of {sublayer.kind} is not given, so that two or three matrices are possible"])
    return MATRICES[sublayer.activation]


def _given(sublayer: Sublayer, *fields: str) -> list[int]:
    missing = [f"{field} of {sublayer.kind} is not given" for field in fields if getattr(sublayer, field) is None]
    if missing:
        raise UnsizedError(missing)
    return [getattr(sublayer, field) for field in fields]


def _size(weights: Sequence[Weight]) -> int:
    return sum(prod(weight.shape) for weight in weights)


def edited(architecture: Architecture, edit: Callable[[AnySublayer], Sublayer]) -> Architecture:
    """The architecture with every sublayer replaced by what `edit` makes of it."""

    def of_group(group: LayerGroup) -> LayerGroup:
        sublayers: Sequence[Sublayer] = [edit(sublayer) for sublayer in group.sublayers or ()]
        return group.model_copy(
            update={"sublayers": sublayers or None, "groups": group.groups and [*map(of_group, group.groups)]}
        )

    return with_groups(architecture, of_group)


def with_groups(architecture: Architecture, of_group: Callable[[LayerGroup], LayerGroup]) -> Architecture:
    """The architecture with every group of a stack replaced by what `of_group` makes of it."""
    return architecture.model_copy(
        update={
            name: stack.model_copy(update={"groups": [*map(of_group, stack.groups)]})
            for name, stack in architecture.stacks.items()
        }
    )


def written(groups: Sequence[LayerGroup], times: int, place: str) -> Iterator[tuple[int, Sublayer, str]]:
    """Each sublayer that is written in `groups`, how often it occurs, and where it stands."""
    for number, group in enumerate(groups, 1):
        here, often = f"{place}, group {number}", times * group.repeat
        for sublayer in group.sublayers or []:
            yield often, sublayer, here
        yield from written(group.groups or [], often, here)
