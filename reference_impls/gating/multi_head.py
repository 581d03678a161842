r"""# MH-MoE: parts of a token go to different experts

X. Wu et al., *Multi-Head Mixture-of-Experts*, [arXiv 2404.15045](https://arxiv.org/abs/2404.15045), equations 3 to 11,
read in a stored copy of the paper, and the authors' code (`yushuiwx/MH-MoE`, `tutel_moe_layer.py`).

## The design

An ordinary token visits few of the experts. Here it is projected and cut into $h$ parts, as attention cuts it into
heads; each part is routed by itself, and what comes back is put together and projected again:

$$\hat x = W_{\mathrm{head}}\, x = [\,x_1; \ldots; x_h\,], \qquad
g_p(x_j) = \frac{\exp(x_j \cdot e_p)}{\sum_q \exp(x_j \cdot e_q)}, \qquad
o_j = \sum_{p \in \mathrm{TopK}(g(x_j))} g_p(x_j)\, f_p(x_j)$$

$$y = W_{\mathrm{merge}}\, [\,o_1; \ldots; o_h\,]$$

Router and experts read and write $D / h$ coordinates, so that $h$ parts through $K$ experts each cost as much as a
token through $K$ experts of full width. The parts are the tokens of the balancing loss:

$$\mathcal{L}_{\mathrm{balance}} = \alpha\, N \sum_{p=1}^{N} t_p \cdot \frac{1}{hT} \sum_{x_j} g_p(x_j)$$

| symbol | meaning | here |
|---|---|---|
| $x$, $D$ | a token's vector, after the layer's norm, and its width | `x_TD`, `d_model` |
| $h$ | parts of a token | `token_heads` |
| $W_{\mathrm{head}}$, $W_{\mathrm{merge}}$ | multi-head and merge layer | `head_DD`, `merge_DD` |
| $e_p$ | embedding of expert $p$, of width $D / h$ | `router.weight_ED` |
| $f_p$, $N$, $K$ | experts, how many, and how many a part | `experts`, `n_experts`, `experts_per_token` |
| $t_p$ | parts sent to expert $p$, divided by all $h T$ parts | |
| $\alpha$ | coefficient of the balancing loss | `balance_coefficient` |

The weights are the chosen probabilities as they are, not divided by their sum.

## What the metrics mean

- `experts_per_whole_token`: how many different experts a token's parts reach together, mean over tokens, from $K$ to
  $\min(hK, N)$. This is what the design wants to be large.
- `aux_load_balance`: the sum above without $\alpha$, mean over layers; perfect balance is $K$.
- `load_cv`, `max_violation`, `router_entropy`: over parts instead of tokens.
- `dropped_fraction`: always 0.

## Which tokens see each other

None: the parts of a token are merged with each other only. Changing later bytes never changes earlier logits.

## Where it deviates

- Equation 6 of the paper adds $x_j$ to $o_j$ before merging; the released code merges first and leaves the residual to
  the transformer (an open question in the code's issue 1). The default is the code; `inner_residual` is the equation.
- The released layer has biases in both projections; the equations and this layer have none. Initial weights of the
  projections are the code's: Xavier uniform, the first divided by $\sqrt 2$.
- The paper's experiments build on X-MoE (cosine gate, capacity); here the paper's own equation 5, nothing dropped.
- The paper scales the experts' hidden width to keep parameters equal to a plain mixture. Here `d_expert` stays: an
  expert has $1 / h$ of the parameters of one that reads whole tokens, and the two projections are added.
- `active_experts` counts experts, so it stops at all of them; parts that meet in one expert pass through it twice.
- The dense layer beside it on the clustered task has the parameters of all that a token passes through, the two
  projections among them, hence width 30. With three seeds it labels 77 to 79 % of the points right, this design 84 to 87 %.

## What it was checked against

`OlmoeSparseMoeBlock` of transformers (softmax over all, top-k, not renormalised) on the parts, between two
`torch.nn.Linear`: outputs and all gradients in float32 and float64, with and without the inner residual. Equations 3 to
10 by a float64 loop, with the count of experts reached. Then: permuting the parts in both projections changes nothing;
what a part holds reaches only its own experts. The common checks of every design and the
clustered task are beside them.

## How long, and what to see

A default run has more rows and smaller products than one of `mixtral-top2`, and takes somewhat longer. One should see
`experts_per_whole_token` well above `experts_per_token`; with `token_heads` 1 they are equal.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from reference_impls.configs.multi_head import MultiHeadConfig
from reference_impls.core.build import expert_bank
from reference_impls.core.experts import ExpertBank
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    LinearRouter,
    Routing,
    RoutingContext,
    SparseRouting,
    top_k_routing,
    wide_linear,
)


class MultiHeadRouter(LinearRouter):
    """Top-k of a softmax over parts of tokens, weights not renormalised; see the module's docstring."""

    def __init__(self, config: MultiHeadConfig) -> None:
        super().__init__(config.d_model // config.token_heads, config.n_experts)
        self.config = config

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each part to its k most probable experts; T counts parts and D is their width."""
        config = self.config
        probability_TE = self.logits(x_TD).softmax(-1)
        weight_TK, expert_TK = probability_TE.topk(config.experts_per_token, dim=-1)
        balance = load_balancing_loss(probability_TE, expert_TK, "per-token")
        losses = {"load_balance": AuxiliaryLoss(balance, config.balance_coefficient)}
        routing = top_k_routing(weight_TK, expert_TK, self.n_experts, probability_TE=probability_TE, losses=losses)
        reached = distinct_experts(expert_TK.reshape(-1, config.token_heads * config.experts_per_token), self.n_experts)
        return replace(
            routing,
            stats={"experts_per_whole_token": reached},
            identity_T=torch.ones_like(probability_TE[:, 0]) if config.inner_residual else None,
        )


def distinct_experts(expert_TK: Tensor, n_experts: int) -> float:
    """How many different experts a row names, mean over rows; 0 of no rows."""
    reached_TE = torch.zeros(len(expert_TK), n_experts, device=expert_TK.device).scatter_(1, expert_TK, 1.0)
    return float(reached_TE.sum()) / max(len(expert_TK), 1)


class MultiHeadLayer(MoELayer):
    """Projects and splits tokens before the router, merges and projects them behind the experts."""

    experts: ExpertBank

    def __init__(self, config: MultiHeadConfig) -> None:
        parts = config.model_copy(update={"d_model": config.d_model // config.token_heads})
        super().__init__(MultiHeadRouter(config), expert_bank(parts))
        self.token_heads = config.token_heads
        self.head_DD = nn.Parameter(torch.empty(config.d_model, config.d_model))
        self.merge_DD = nn.Parameter(torch.empty(config.d_model, config.d_model))
        nn.init.xavier_uniform_(self.head_DD, gain=0.5**0.5)
        nn.init.xavier_uniform_(self.merge_DD)

    def view(self, x_TD: Tensor, context: RoutingContext) -> tuple[Tensor, RoutingContext]:
        """Parts [T * h, D / h], in at least float32: the choice of experts hangs on them."""
        T, D = x_TD.shape
        parts = wide_linear(x_TD, self.head_DD).reshape(T * self.token_heads, D // self.token_heads)
        return parts, context.repeat(self.token_heads)

    def combine(self, x_TD: Tensor, routing: Routing) -> Tensor:
        """Outputs of the experts for the parts."""
        return super().combine(x_TD.to(self.experts.w_in_EID.dtype), routing)

    def unview(self, y_TD: Tensor) -> Tensor:
        """From parts back to tokens."""
        merged_TD = y_TD.reshape(len(y_TD) // self.token_heads, len(self.merge_DD))
        return nn.functional.linear(merged_TD.to(self.merge_DD.dtype), self.merge_DD)


def make_layer(config: MultiHeadConfig) -> MoELayer:
    """A layer of SwiGLU experts for parts of tokens, between two projections."""
    return MultiHeadLayer(config)
