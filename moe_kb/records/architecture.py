"""Architectures: stacks of layer groups, precise enough to count parameters and loose enough for a printed table."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from moe_kb.records.base import Citation, Key, Line, Part, Status

Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Activation = Literal["relu", "gelu", "geglu", "swiglu", "relu2", "silu", "clamped-swiglu", "reglu"]


class Expression(Part):
    """A size kept as printed beside its value."""

    printed: Line
    """The expression, e.g. `4*d_model`."""
    value: int | None = None
    """What it evaluates to, where it can be."""


class Attention(Part):
    """Softmax attention with full, grouped or single key-value heads."""

    kind: Literal["attention"]
    n_heads: Positive
    """Query heads."""
    n_kv_heads: Positive | None = None
    """Key-value heads; as many as query heads where unset."""
    d_head: Positive | None = None
    """Width of a query and key head."""
    d_value: Positive | None = None
    """Width of a value head, where it differs from `d_head`."""
    window: Positive | None = None
    """Sliding window in tokens; full attention where unset."""
    qkv_bias: bool | None = None
    """Whether the query, key and value projections have biases."""
    output_bias: bool | None = None
    """Whether the output projection has a bias."""
    qk_norm: bool | None = None
    """Whether queries and keys are normalised."""
    output_gate: bool | None = None
    """Whether the output is gated by a projection of the input."""
    cross: bool = False
    """Whether it attends to the encoder."""
    shares_kv_with_previous: bool = False
    """Whether keys and values come from the previous layer (cross-layer attention)."""
    indexer: dict[str, int] | None = None
    """Sizes of a sparse-attention indexer, if any."""


class LatentAttention(Part):
    """Multi-head latent attention (MLA)."""

    kind: Literal["mla"]
    n_heads: Positive
    """Heads."""
    q_rank: Positive | None = None
    """Rank of the query compression; none: a plain query projection."""
    kv_rank: Positive
    """Rank of the key-value compression."""
    d_nope: Positive
    """Width of the part of a head without rotary position."""
    d_rope: Count
    """Width of the part with rotary position."""
    d_value: Positive
    """Width of a value head."""
    indexer: dict[str, int] | None = None
    """Sizes of a sparse-attention indexer, if any."""


class AttentionExperts(Part):
    """Mixture of attention heads: query and output projections per expert, keys and values shared."""

    kind: Literal["attention-experts"]
    n_routed_experts: Positive
    """Attention experts."""
    experts_per_token: Positive
    """Chosen per token."""
    n_heads: Positive
    """Heads per expert."""
    n_kv_heads: Positive
    """Key-value heads, shared by the experts."""
    d_head: Positive
    """Width of a head."""


class StateSpace(Part):
    """Mamba-type state-space mixer."""

    kind: Literal["mamba", "mamba2"]
    d_state: Positive | None = None
    """Width of the state."""
    d_conv: Positive | None = None
    """Width of the convolution."""
    expand: Positive | None = None
    """Inner width over d_model."""
    dt_rank: Positive | None = None
    """Rank of the step-size projection."""
    n_heads: Positive | None = None
    """Heads (mamba2)."""
    d_head: Positive | None = None
    """Width of a head (mamba2)."""
    n_groups: Positive | None = None
    """Groups (mamba2)."""


class LinearAttention(Part):
    """Linear attention: gated delta rule, Kimi delta attention, lightning attention."""

    kind: Literal["gated-deltanet", "kda", "lightning"]
    n_heads: Positive | None = None
    """Heads, or value heads where keys have their own count."""
    n_key_heads: Positive | None = None
    """Key heads, where they differ."""
    d_key: Positive | None = None
    """Width of a key head."""
    d_value: Positive | None = None
    """Width of a value head."""
    d_conv: Positive | None = None
    """Width of the short convolution."""


class ShortConvolution(Part):
    """Gated short convolution."""

    kind: Literal["short-convolution"]
    d_conv: Positive
    """Width of the kernel."""


class UnknownMixer(Part):
    """A token mixer that the source does not describe."""

    kind: Literal["unknown"]
    note: Line | None = None
    """What is known."""


Mixer = Annotated[
    Attention | LatentAttention | AttentionExperts | StateSpace | LinearAttention | ShortConvolution | UnknownMixer,
    Field(discriminator="kind"),
]


class Router(Part):
    """How a layer's router turns logits into weighted experts."""

    design: Key | None = None
    """The gating design's key."""
    score: Literal["softmax", "sigmoid", "sqrt-softplus"] | None = None
    """Score function."""
    order: Literal["softmax-then-topk", "topk-then-softmax", "topk-then-sigmoid", "sigmoid-then-topk",
                   "hash", "other"] | None = None
    """Whether scores are taken before or after selection."""
    renormalise: bool | None = None
    """Whether chosen weights are scaled to sum to one."""
    scale: float | None = None
    """Factor on the routed output."""
    selection_bias: bool | None = None
    """Whether a bias is added for selection only."""
    logit_bias: bool | None = None
    """Whether the router's linear map has a bias."""
    n_groups: Positive | None = None
    """Groups of experts in group-limited routing."""
    top_groups: Positive | None = None
    """Groups a token may use."""
    group_score: Literal["max", "top2-sum"] | None = None
    """How a group is scored."""
    second_expert: Literal["always", "random", "sampled"] | None = None
    """GShard's policy for the second expert."""
    capacity_factor: float | None = None
    """Capacity factor in training."""
    capacity_factor_eval: float | None = None
    """Capacity factor in evaluation."""
    group_size: Positive | None = None
    """Tokens that compete for capacity together (GShard's groups)."""
    note: Line | None = None
    """Anything these fields cannot say."""


class SharedExperts(Part):
    """Experts that every token uses."""

    count: Positive
    """How many the source counts."""
    d_expert: Positive
    """Hidden width of each."""
    gate: Literal["none", "sigmoid"] = "none"
    """Whether their output is gated by the input."""


class ZeroExperts(Part):
    """Experts without computation that compete for tokens."""

    count: Positive
    """How many."""
    kind: Literal["identity", "zero", "constant"]
    """What they return."""


class Dense(Part):
    """A dense feed-forward network."""

    kind: Literal["dense"]
    wiring: Literal["sequential", "parallel", "shortcut"] = "sequential"
    """`parallel`: beside the previous feed-forward, same input; `shortcut`: input taken earlier in the layer."""
    d_ffn: Positive | Expression
    """Hidden width."""
    activation: Activation | None = None
    """Activation; the gated ones have three matrices, the others two."""
    bias: bool | None = None
    """Whether its linear maps have biases."""


class Mixture(Part):
    """A mixture-of-experts feed-forward network."""

    kind: Literal["moe"]
    wiring: Literal["sequential", "parallel", "shortcut"] = "sequential"
    """`parallel`: beside the previous feed-forward, same input; `shortcut`: input taken earlier in the layer."""
    n_routed_experts: Positive
    """Routed experts."""
    experts_per_token: Positive
    """Routed experts chosen per token (an upper bound where zero experts compete)."""
    d_expert: Positive | Expression
    """Hidden width of a routed expert."""
    activation: Activation | None = None
    """Activation of the experts."""
    bias: bool | None = None
    """Whether the experts' linear maps have biases."""
    d_latent: Positive | None = None
    """Width the experts work in, where a shared projection narrows d_model first."""
    shared: SharedExperts | None = None
    """Shared experts."""
    zero: ZeroExperts | None = None
    """Zero-computation experts."""
    router: Router | None = None
    """The router."""

    @model_validator(mode="after")
    def _chosen_within_total(self) -> Mixture:
        total = self.n_routed_experts + (self.zero.count if self.zero else 0)
        if self.experts_per_token > total:
            raise ValueError(f"experts_per_token is {self.experts_per_token} but only {total} experts can be chosen")
        return self


Sublayer = Annotated[
    Attention | LatentAttention | AttentionExperts | StateSpace | LinearAttention | ShortConvolution | UnknownMixer
    | Dense | Mixture,
    Field(discriminator="kind"),
]


class LayerGroup(Part):
    """Layers that repeat: one layer's sublayers, or a pattern of groups."""

    repeat: Positive = 1
    """How many times in a row."""
    sublayers: list[Sublayer] | None = None
    """The sublayers of one layer in the order of computation."""
    groups: list[LayerGroup] | None = None
    """A pattern of several layers."""

    @model_validator(mode="after")
    def _one_of_both(self) -> LayerGroup:
        if (self.sublayers is None) == (self.groups is None):
            raise ValueError("a layer group has either `sublayers` (one layer) or `groups` (a pattern)")
        return self

    @property
    def n_layers(self) -> int:
        """Number of layers in the group, repeats included."""
        inner = 1 if self.groups is None else sum(group.n_layers for group in self.groups)
        return self.repeat * inner


class Stack(Part):
    """An encoder or decoder."""

    order: Literal["known", "unknown"] = "known"
    """`unknown` where the source gives counts of layers but not their places."""
    groups: Annotated[list[LayerGroup], Field(min_length=1)]
    """Layer groups from the input up."""

    @property
    def n_layers(self) -> int:
        """Number of layers."""
        return sum(group.n_layers for group in self.groups)


class Architecture(Citation):
    """What one source says a configuration is built of."""

    status: Status = "reported"
    """`derived` where the source's fields had to be interpreted with the model's code."""
    interpretation: list[Citation] = Field(default_factory=list)
    """Sources used to interpret the configuration's fields."""
    d_model: Positive | None = None
    """Width of the residual stream."""
    vocab_size: Positive | None = None
    """Entries of the embedding."""
    tied_embeddings: bool | None = None
    """Whether input and output embeddings are one tensor."""
    context_length: Positive | None = None
    """Positions the configuration allows."""
    norm: Literal["rms", "layer", "layer-without-bias"] | None = None
    """Normalisation."""
    n_mtp_layers: Count | None = None
    """Multi-token-prediction layers beyond the stack."""
    encoder: Stack | None = None
    """The encoder's stack."""
    decoder: Stack | None = None
    """The decoder's stack."""
    note: Line | None = None
    """What the stacks cannot say."""

    @model_validator(mode="after")
    def _has_a_stack(self) -> Architecture:
        if self.encoder is None and self.decoder is None:
            raise ValueError("an architecture has an `encoder` or a `decoder` stack, or both")
        return self
