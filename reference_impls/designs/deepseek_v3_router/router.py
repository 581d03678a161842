"""The router of DeepSeek-V3; the page is README.md."""

import torch
from torch import Tensor

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
from reference_impls.designs.deepseek_v3_router.config import DeepSeekV3Config

SMALLEST_SUM = 1e-20  # keeps the division finite where every sigmoid underflows to zero


class DeepSeekV3Router(LinearRouter[DeepSeekV3Config]):
    """Group-limited top-k of biased sigmoid scores, the bias evening the load; see README.md."""

    bias_E: Tensor

    def __init__(self, config: DeepSeekV3Config) -> None:
        super().__init__(config)
        self.register_buffer("bias_E", torch.zeros(config.n_experts))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k experts of largest biased score inside its best groups."""
        config, k = self.config, self.config.experts_per_token
        score_TE = self.logits(x_TD).sigmoid()
        expert_TK = self._within_groups(score_TE.detach() + self.bias_E).topk(k, dim=-1).indices
        chosen_TK = score_TE.gather(1, expert_TK)
        weight_TK = config.routed_scale * chosen_TK / (chosen_TK.sum(-1, keepdim=True) + SMALLEST_SUM)

        # The loss asks what the scores alone would choose: neither bias nor groups enter it.
        probability_TE = score_TE / (score_TE.sum(-1, keepdim=True) + SMALLEST_SUM)
        unbiased_TK = score_TE.topk(k, dim=-1).indices
        group_T, n_groups = context.groups("sequence")
        balance = load_balancing_loss(probability_TE, unbiased_TK, "per-assignment", group_T, n_groups)
        losses = {"load_balance": AuxiliaryLoss(balance, config.balance_coefficient)}
        return top_k_routing(weight_TK, expert_TK, self.n_experts, probability_TE=probability_TE, losses=losses)

    @torch.no_grad()
    def on_step(self, routing: Routing, progress: Progress) -> None:
        """Move each bias by the update speed: up below the mean load, down above it, not at all on it."""
        load_E = routing.load_E.double()
        self.bias_E += self.config.bias_update_speed * (load_E.mean() - load_E).sign().to(self.bias_E.dtype)

    def _within_groups(self, biased_TE: Tensor) -> Tensor:
        """Biased scores, minus infinity outside each token's `top_groups` best groups."""
        n_groups, top_groups = self.config.n_groups, self.config.top_groups
        if top_groups == n_groups:
            return biased_TE
        size = self.n_experts // n_groups
        biased_TGI = biased_TE.view(len(biased_TE), n_groups, size)  # I: experts of a group
        best_TG = biased_TGI.topk(2, dim=-1).values.sum(-1).topk(top_groups, dim=-1).indices
        barred_TG = torch.ones(len(biased_TE), n_groups, dtype=torch.bool, device=biased_TE.device)
        barred_TG.scatter_(1, best_TG, False)
        limited_TGI = biased_TGI.masked_fill(barred_TG[..., None], -torch.inf)
        return limited_TGI.view_as(biased_TE)


make_layer = routed_by(DeepSeekV3Router, DeepSeekV3Config)
DESIGN = Design(make_layer)
