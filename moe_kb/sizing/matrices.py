"""The weight matrices of every sublayer, by name and shape: what a checkpoint's number format is about.

`parameters` counts the same weights, with biases, norms and other vectors, which no format here takes. Symbols as
there: D `d_model`, H heads, G key-value heads, d width of a head, r ranks, F width of an expert.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import singledispatch

from moe_kb.records.architecture import Architecture
from moe_kb.records.checkpoint import Module
from moe_kb.records.sublayers import (
    Attention,
    AttentionExperts,
    CompressedAttention,
    Dense,
    Indexer,
    LatentAttention,
    LinearAttention,
    Mixture,
    ShortConvolution,
    StateSpace,
    Sublayer,
)
from moe_kb.sizing.parameters import PartName, inner_width, matrices_of, router_rows, size_of_width


@dataclass(frozen=True, slots=True)
class Matrix:
    """Matrices of one shape."""

    module: Module
    part: PartName
    rows: int
    """Outputs."""
    columns: int
    """Inputs."""
    number: int = 1
    """How many of them a sublayer has."""

    @property
    def weights(self) -> int:
        """Weights of all of them."""
        return self.rows * self.columns * self.number


def matrices(sublayer: Sublayer, d_model: int) -> list[Matrix]:
    """The matrices of a sublayer that can be counted (`parameters.count_sublayer`)."""
    return [Matrix(*given) for given in _matrices(sublayer, d_model) if given[2] * given[3]]


def tables(architecture: Architecture) -> list[Matrix]:
    """Embedding and head; a tied table is the embedding."""
    shape = architecture.vocab_size or 0, architecture.d_model or 0
    head = [] if architecture.tied_embeddings else [Matrix("head", "head", *shape)]
    return [Matrix("embedding", "embedding", *shape), *head]


Given = tuple[Module, PartName, int, int] | tuple[Module, PartName, int, int, int]


@singledispatch
def _matrices(sublayer: Sublayer, D: int) -> Iterator[Given]:
    yield from ()


@_matrices.register
def _(sublayer: Attention, D: int) -> Iterator[Given]:
    d = sublayer.d_head or 0
    H, G, d_v = sublayer.n_heads, sublayer.n_kv_heads or sublayer.n_heads, sublayer.d_value or d
    yield "query", "mixer", H * d, D
    if not sublayer.shares_kv_with_previous:
        yield "key-value", "mixer", G * d, D
        if not sublayer.values_are_keys:
            yield "key-value", "mixer", G * d_v, D
    if sublayer.output_gate:
        yield "attention-gate", "mixer", H * d_v, D
    yield "attention-output", "mixer", D, H * d_v
    yield from _indexer(sublayer.indexer, D, D)


@_matrices.register
def _(sublayer: LatentAttention, D: int) -> Iterator[Given]:
    H, r_q, r_kv, d_n, d_r = sublayer.n_heads, sublayer.q_rank, sublayer.kv_rank, sublayer.d_nope, sublayer.d_rope
    if r_q:
        yield "query", "mixer", r_q, D
    yield "query", "mixer", H * (d_n + d_r), r_q or D
    yield "key-value", "mixer", r_kv + d_r, D
    yield "key-value", "mixer", H * (d_n + sublayer.d_value), r_kv
    yield "attention-output", "mixer", D, H * sublayer.d_value
    yield from _indexer(sublayer.indexer, D, r_q or D)


@_matrices.register
def _(sublayer: CompressedAttention, D: int) -> Iterator[Given]:
    H, d, r_q, groups, r_o = sublayer.n_heads, sublayer.d_head, sublayer.q_rank, sublayer.o_groups, sublayer.o_rank
    yield "query", "mixer", r_q, D
    yield "query", "mixer", H * d, r_q
    yield "key-value", "mixer", d, D
    yield "attention-output", "mixer", r_o, H * d
    yield "attention-output", "mixer", D, groups * r_o
    index = sublayer.indexer
    if sublayer.ratio:
        yield "compressor", "mixer", 2 * d if index else d, D, 2
    if index and not index.takes_over_choice:
        yield "compressor", "mixer", 2 * index.d_head, D, 2
        yield "indexer", "mixer", index.n_heads * index.d_head, r_q
        yield "indexer", "mixer", index.n_heads, D


def _indexer(indexer: Indexer | None, D: int, query_from: int) -> Iterator[Given]:
    if indexer and not indexer.takes_over_choice:
        yield "indexer", "mixer", indexer.n_heads * indexer.d_head, query_from
        yield "indexer", "mixer", indexer.n_heads, D
        yield "indexer", "mixer", indexer.d_head, D


@_matrices.register
def _(sublayer: AttentionExperts, D: int) -> Iterator[Given]:
    E, width = sublayer.n_routed_experts, sublayer.n_heads * sublayer.d_head
    yield "experts", "routed", width, D, E
    yield "experts", "routed", D, width, E
    yield "key-value", "mixer", sublayer.n_kv_heads * sublayer.d_head, D, 2
    yield "router", "router", E, D


@_matrices.register
def _(sublayer: StateSpace, D: int) -> Iterator[Given]:
    inner, N = inner_width(sublayer, D), sublayer.d_state or 0
    if sublayer.kind == "mamba":
        rank = sublayer.dt_rank or 0
        yield "mixer", "mixer", 2 * inner, D
        yield "mixer", "mixer", rank + 2 * N, inner
        yield "mixer", "mixer", inner, rank
    else:
        yield "mixer", "mixer", 2 * inner + 2 * (sublayer.n_groups or 0) * N + (sublayer.n_heads or 0), D
    yield "mixer", "mixer", D, inner


@_matrices.register
def _(sublayer: LinearAttention, D: int) -> Iterator[Given]:
    H, d_k, d_v = sublayer.n_heads or 0, sublayer.d_key or 0, sublayer.d_value or 0
    keys, values = (sublayer.n_key_heads or H) * d_k, H * d_v
    if sublayer.kind == "lightning":
        yield "mixer", "mixer", values, D, 4
    else:
        yield "mixer", "mixer", keys, D, 2
        yield "mixer", "mixer", values, D
        if sublayer.kind == "gated-deltanet":
            yield "mixer", "mixer", values, D
            yield "mixer", "mixer", 2 * H, D
        else:
            for width in (keys, values):  # decay and gate
                if sublayer.full_gates:
                    yield "mixer", "mixer", width, D
                else:
                    yield "mixer", "mixer", d_v, D
                    yield "mixer", "mixer", width, d_v
            yield "mixer", "mixer", H, D
    yield "mixer", "mixer", D, values


@_matrices.register
def _(sublayer: ShortConvolution, D: int) -> Iterator[Given]:
    yield "mixer", "mixer", D, D, 4


@_matrices.register
def _(sublayer: Dense, D: int) -> Iterator[Given]:
    F = size_of_width(sublayer)
    yield "dense", "dense", F, D, matrices_of(sublayer) - 1
    yield "dense", "dense", D, F


@_matrices.register
def _(sublayer: Mixture, D: int) -> Iterator[Given]:
    E, F, width, into = (
        sublayer.n_routed_experts,
        size_of_width(sublayer),
        sublayer.d_latent or D,
        matrices_of(sublayer),
    )
    yield "experts", "routed", F, width, (into - 1) * E
    yield "experts", "routed", width, F, E
    if sublayer.d_latent:
        yield "latent", "dense", sublayer.d_latent, D
        yield "latent", "dense", D, sublayer.d_latent
    if sublayer.shared is not None:
        inner = sublayer.shared.count * sublayer.shared.d_expert
        yield "shared", "shared", inner, D, into - 1
        yield "shared", "shared", D, inner
    yield "router", "router", router_rows(sublayer), D
