"""Sublayers: the kinds of mixer and feed-forward network a layer is made of, and the parts they have.

Each takes the residual stream as the one before left it (or, with `input_of`, the input of an earlier one) and adds its
output to the stream where it stands.
"""

from math import prod
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from moe_kb.records.base import Key, Line, Part

#: No width or count of a layer is near a trillion; products of what is allowed stay far from what a float holds.
_LARGEST = 10**12
Positive = Annotated[int, Field(ge=1, le=_LARGEST)]
Count = Annotated[int, Field(ge=0, le=_LARGEST)]
Activation = Literal["relu", "gelu", "silu", "relu2", "reglu", "geglu", "swiglu", "clamped-swiglu", "swiglu-times-up"]

#: Weight matrices of a feed-forward network: up and down, one more for a gate. OpenMoE multiplies a whole
#: SwiGLU by a further projection.
MATRICES: dict[Activation, int] = {
    "relu": 2,
    "gelu": 2,
    "silu": 2,
    "relu2": 2,
    "reglu": 3,
    "geglu": 3,
    "swiglu": 3,
    "clamped-swiglu": 3,
    "swiglu-times-up": 4,
}


class Expression(Part):
    """A size kept as printed beside its value."""

    printed: Line
    """The expression, e.g. `4*d_model`."""
    value: Positive | None = None
    """What it evaluates to, where it can be."""


class Indexer(Part):
    """A small scorer that picks the tokens a sparse attention looks at."""

    n_heads: Positive
    """Its query heads."""
    d_head: Positive
    """Width of its heads."""
    top_k: Positive
    """Tokens (or compressed entries) picked per query."""
    takes_over_choice: bool = False
    """Whether it looks at what the layer before picked, and has no weights of its own."""


class Router(Part):
    """How a layer's router turns logits into weighted experts."""

    design: Key | None = None
    """The gating design's key."""
    score: Literal["softmax", "sigmoid", "sqrt-softplus"] | None = None
    """Score function."""
    order: Literal["score-then-topk", "topk-then-score", "hash", "other"] | None = None
    """Whether the score function runs over all experts before the choice or over the chosen ones; `hash`: the
    choice is fixed per token id."""
    renormalise: bool | None = None
    """Whether chosen weights are scaled to sum to one."""
    scale: float | None = None
    """Factor on the weights of the routed experts."""
    weights_on: Literal["output", "input"] = "output"
    """Whether weights multiply the experts' outputs or their inputs (Llama 4)."""
    selection_bias: bool | None = None
    """Whether a bias is added for selection only."""
    logit_bias: bool | None = None
    """Whether the router's linear map has a bias."""
    product_keys: Positive | None = None
    """Keys in each of the two halves of product-key retrieval, which stand in place of a key for each expert."""
    n_groups: Positive | None = None
    """Groups of experts in group-limited routing."""
    top_groups: Positive | None = None
    """Groups a token may use."""
    group_score: Literal["max", "top2-sum"] | None = None
    """How a group is scored."""
    second_expert: Literal["always", "random", "sampled"] | None = None
    """GShard's policy: `random` takes the second expert with a probability that grows with its weight."""
    jitter: float | None = None
    """Half-width of the multiplicative noise on the router's input (or its threshold) in training."""
    capacity: Positive | None = None
    """Tokens an expert may take, where the source gives a number of tokens."""
    capacity_factor: float | None = None
    """Capacity in training over an even share of the tokens."""
    capacity_factor_eval: float | None = None
    """The same in evaluation."""
    min_capacity: Count | None = None
    """Least capacity in tokens, however small the share."""
    drop_tokens: bool | None = None
    """Whether tokens beyond capacity are dropped."""
    group_size: Positive | None = None
    """Tokens that compete for capacity together (GShard's groups)."""
    note: Line | None = None
    """What these fields cannot say."""


class Weight(Part):
    """A trainable tensor that no field stands for."""

    name: Line
    """What it is, or its name in the model's code."""
    shape: Annotated[list[Positive], Field(min_length=1, max_length=8)]
    """Its size."""
    table: bool = False
    """Whether a token only looks up rows of it, as of the input embedding; of tensors outside the layers."""

    @property
    def size(self) -> int:
        """Its numbers."""
        return prod(self.shape)


class Sublayer(Part):
    """What every sublayer says: its kind and its place in the layer."""

    kind: str
    """What it is."""
    norms: Count | None = None
    """Norms over d_model before and after it; one where unset."""
    weights: list[Weight] = Field(default_factory=list)
    """Tensors that the fields of its kind do not stand for; every token uses them."""
    input_of: Positive | None = None
    """Number (from 1) of the earlier sublayer whose input it shares: 1 is the layer's own input, a mixture
    beside a dense network names that network. None: it follows the sublayer before."""


class Attention(Sublayer):
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
    qk_norm: Literal["none", "per-head", "across-heads", "weightless"] | None = None
    """How queries and keys are normalised: each head alone, all heads as one, or without learned weights."""
    output_gate: bool | None = None
    """Whether the output is gated by a projection of the input."""
    sinks: bool | None = None
    """Whether each head has a learned logit that takes part in the softmax (attention sink)."""
    values_are_keys: bool | None = None
    """Whether keys and values come from one projection."""
    cross: bool = False
    """Whether it attends to the encoder."""
    shares_kv_with_previous: bool = False
    """Whether keys and values come from the previous layer (cross-layer attention)."""
    indexer: Indexer | None = None
    """The indexer of a sparse attention."""


class LatentAttention(Sublayer):
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
    window: Positive | None = None
    """Sliding window in tokens; full attention where unset."""
    indexer: Indexer | None = None
    """The indexer of a sparse attention."""


class CompressedAttention(Sublayer):
    """Attention over a sliding window and, beyond it, compressed entries, with one key-value head for all."""

    kind: Literal["compressed-attention"]
    n_heads: Positive
    """Query heads."""
    d_head: Positive
    """Width of a head, rotary part included."""
    d_rope: Count
    """Width of the part with rotary position."""
    q_rank: Positive
    """Rank of the query compression."""
    window: Positive
    """Sliding window in tokens."""
    ratio: Count
    """Tokens compressed into one entry; 0: the window only."""
    o_groups: Positive
    """Groups of heads in the output projection."""
    o_rank: Positive
    """Width of each group in the output projection."""
    sinks: bool | None = None
    """Whether each head has a learned logit that takes part in the softmax (attention sink)."""
    indexer: Indexer | None = None
    """The indexer that picks compressed entries; none: all are seen."""


class AttentionExperts(Sublayer):
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
    output_bias: bool | None = None
    """Whether one bias, shared by the experts, is added to the output."""
    router: Router | None = None
    """The router."""


class StateSpace(Sublayer):
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


class LinearAttention(Sublayer):
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
    output_gate: bool | None = None
    """Whether the output is gated by a projection of the input."""
    full_gates: bool = False
    """Whether decay and gate of Kimi delta attention are whole projections, not ones through the width of a head."""


class ShortConvolution(Sublayer):
    """Gated short convolution."""

    kind: Literal["short-convolution"]
    d_conv: Positive
    """Width of the kernel."""


class UnknownMixer(Sublayer):
    """A token mixer that the source does not describe."""

    kind: Literal["unknown"]
    note: Line | None = None
    """What is known."""


class SharedExperts(Part):
    """Experts that every token uses."""

    count: Positive
    """How many the source counts; several are often built as one network of their joint width."""
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


class Dense(Sublayer):
    """A dense feed-forward network."""

    kind: Literal["dense"]
    d_ffn: Positive | Expression
    """Hidden width."""
    activation: Activation | None = None
    """Activation; the gated ones have three matrices, the others two."""
    bias: bool | None = None
    """Whether its linear maps have biases."""


class Mixture(Sublayer):
    """A mixture-of-experts feed-forward network."""

    kind: Literal["moe"]
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
    output_bias: bool | None = None
    """Whether one bias, shared by the experts, is added to the output."""
    d_latent: Positive | None = None
    """Width the routed experts work in, where the layer first projects d_model down; not the shared ones."""
    shared: SharedExperts | None = None
    """Shared experts."""
    zero: ZeroExperts | None = None
    """Zero-computation experts."""
    expert_weights: list[Weight] = Field(default_factory=list)
    """Tensors of one routed expert that the other fields do not stand for."""
    router: Router | None = None
    """The router."""

    @model_validator(mode="after")
    def _chosen_within_total(self) -> Self:
        total = self.n_routed_experts + (self.zero.count if self.zero else 0)
        if self.experts_per_token > total:
            raise ValueError(f"`experts_per_token` is {self.experts_per_token}, but only {total} experts can be chosen")
        return self


AnySublayer = Annotated[
    Attention
    | LatentAttention
    | CompressedAttention
    | AttentionExperts
    | StateSpace
    | LinearAttention
    | ShortConvolution
    | UnknownMixer
    | Dense
    | Mixture,
    Field(discriminator="kind"),
]
