"""The router of MH-MoE; the page is README.md."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from reference_impls.core.build import expert_bank
from reference_impls.core.design import Design
from reference_impls.core.experts import ExpertBank
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    LinearRouter,
    Routing,
    RoutingContext,
    SparseRouting,
    float32_linear,
    top_k_routing,
)
from reference_impls.designs.multi_head_moe.config import MultiHeadConfig


class MultiHeadRouter(LinearRouter[MultiHeadConfig]):
    """Top-k of a softmax over parts of tokens, weights not renormalised; see README.md."""

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
        super().__init__(MultiHeadRouter(parts), expert_bank(parts))
        self.token_heads = config.token_heads
        self.head_DD = nn.Parameter(torch.empty(config.d_model, config.d_model))
        self.merge_DD = nn.Parameter(torch.empty(config.d_model, config.d_model))
        nn.init.xavier_uniform_(self.head_DD, gain=0.5**0.5)
        nn.init.xavier_uniform_(self.merge_DD)

    def view(self, x_TD: Tensor, context: RoutingContext) -> tuple[Tensor, RoutingContext]:
        """Parts [T * h, D / h], in at least float32: the choice of experts hangs on them."""
        T, D = x_TD.shape
        parts = float32_linear(x_TD, self.head_DD).reshape(T * self.token_heads, D // self.token_heads)
        return parts, context.repeat(self.token_heads)

    def combine(self, x_TD: Tensor, routing: Routing) -> Tensor:
        """Outputs of the experts for the parts."""
        return super().combine(x_TD.to(self.experts.w_in_EID.dtype), routing)

    def unview(self, y_TD: Tensor) -> Tensor:
        """From parts back to tokens."""
        merged_TD = y_TD.reshape(len(y_TD) // self.token_heads, len(self.merge_DD))
        return nn.functional.linear(merged_TD.to(self.merge_DD.dtype), self.merge_DD)


make_layer = MultiHeadLayer
DESIGN = Design(make_layer)
