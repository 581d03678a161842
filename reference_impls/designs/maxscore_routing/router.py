"""The router of MaxScore; the page is README.md."""

import torch
from torch import Tensor

from reference_impls.core.assignment import balanced_assignment
from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    LinearRouter,
    Progress,
    Routing,
    RoutingContext,
    SparseRouting,
    top_k_routing,
)
from reference_impls.designs.maxscore_routing.config import MaxScoreConfig


class MaxScoreRouter(LinearRouter[MaxScoreConfig]):
    """k experts a token by the flow of greatest score; see README.md."""

    second_factor: Tensor

    def __init__(self, config: MaxScoreConfig) -> None:
        super().__init__(config)
        self.register_buffer("second_factor", torch.tensor(config.second_weight_start))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route all tokens of each group at once."""
        k = self.config.experts_per_token
        probability_TE = self.logits(x_TD).softmax(-1)
        group_T, n_groups = context.groups(self.config.routing_group)
        expert_TK = balanced_assignment(probability_TE, k, group_T, n_groups)
        factor_K = torch.ones(k, device=x_TD.device, dtype=probability_TE.dtype)
        factor_K[1:] = self.second_factor
        balance = load_balancing_loss(probability_TE, expert_TK, "first-choice", group_T, n_groups)
        wanted_TK = probability_TE.topk(k, dim=-1).indices
        kept = (expert_TK[:, :, None] == wanted_TK[:, None, :]).any(-1)
        stats = {"kept_fraction": float(kept.sum()) / max(kept.numel(), 1), "second_factor": float(self.second_factor)}
        return top_k_routing(
            probability_TE.gather(1, expert_TK) * factor_K, expert_TK, self.n_experts, probability_TE=probability_TE,
            losses={"load_balance": AuxiliaryLoss(balance, self.config.balance_coefficient)}, stats=stats,
        )  # fmt: skip

    def on_step(self, routing: Routing, progress: Progress) -> None:
        """Lower the factor of second weights along its line."""
        left = max(0.0, 1 - progress.step / self.config.second_weight_steps)
        self.second_factor.fill_(1 + (self.config.second_weight_start - 1) * left)


make_layer = routed_by(MaxScoreRouter, MaxScoreConfig)
DESIGN = Design(make_layer)
