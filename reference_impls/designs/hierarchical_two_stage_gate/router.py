"""The router of Two-stage hierarchical gate; the page is README.md."""

from typing import Literal

import torch
from torch import Tensor, nn

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    Router,
    RoutingContext,
    SparseRouting,
    as_float32,
    float32_linear,
    top_k_routing,
)
from reference_impls.designs.hierarchical_two_stage_gate.config import TwoStageConfig


class TwoStageRouter(Router):
    """One group for each token, all experts of it; see README.md."""

    def __init__(self, config: TwoStageConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        self.group_GD = nn.Parameter(0.02 * torch.randn(config.n_groups, config.d_model))
        self.expert_ED = nn.Parameter(0.02 * torch.randn(config.n_experts, config.d_model))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Send each token to the experts of its group."""
        config, T = self.config, len(x_TD)
        size = config.n_experts // config.n_groups
        coarse_TG = gate_logits(x_TD, self.group_GD, config.coarse_gate).softmax(-1)
        # I: experts of a group.
        fine_TGI = gate_logits(x_TD, self.expert_ED, config.fine_gate).view(T, config.n_groups, size).softmax(-1)
        joint_TGI = coarse_TG[..., None] * fine_TGI

        probability_T1, group_T1 = coarse_TG.max(-1, keepdim=True)
        weight_TI = joint_TGI.take_along_dim(group_T1[..., None], dim=1).squeeze(1)
        expert_TI = group_T1 * size + torch.arange(size, device=x_TD.device)

        balance = load_balancing_loss(coarse_TG, group_T1, "per-token")
        losses = {"group_balance": AuxiliaryLoss(balance, config.balance_coefficient)}
        stats = {"group_probability": float(probability_T1.detach().sum()) / max(T, 1)}
        return top_k_routing(
            weight_TI, expert_TI, self.n_experts, probability_TE=joint_TGI.flatten(1), losses=losses, stats=stats
        )


def gate_logits(x_TD: Tensor, vector_ND: Tensor, gate: Literal["softmax", "laplace"]) -> Tensor:
    """Logits [T, N] in at least float32: products with the vectors, or minus the distances from them."""
    if gate == "softmax":
        return float32_linear(x_TD, vector_ND)
    # By products of matrices a distance would lose half of its digits.
    distance_TN: Tensor = torch.cdist(
        as_float32(x_TD), as_float32(vector_ND), compute_mode="donot_use_mm_for_euclid_dist"
    )
    return -distance_TN


make_layer = routed_by(TwoStageRouter, TwoStageConfig)
DESIGN = Design(make_layer)
