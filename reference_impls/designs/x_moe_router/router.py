"""The router of X-MoE; the page is README.md."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.core.build import routed_by
from reference_impls.core.capacity import within_capacity
from reference_impls.core.design import Design
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    Router,
    RoutingContext,
    SparseRouting,
    float32_linear,
    top_k_routing,
)
from reference_impls.designs.x_moe_router.config import XMoEConfig

LEAST_TEMPERATURE = 1e-4


class XMoERouter(Router):
    """Top-1 by cosine in a few dimensions, with a learned temperature; see README.md."""

    def __init__(self, config: XMoEConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        self.project_RD = nn.Parameter(torch.randn(config.d_router, config.d_model) * config.d_model**-0.5)
        self.expert_ER = nn.Parameter(torch.randn(config.n_experts, config.d_router))
        self.temperature = nn.Parameter(torch.tensor(config.initial_temperature))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to the expert at the smallest angle, while it has room."""
        config = self.config
        score_TE = self.scores(x_TD)
        temperature = self.temperature.to(score_TE.dtype).clamp(min=LEAST_TEMPERATURE)
        scaled_TE = score_TE / temperature
        expert_T1 = score_TE.argmax(-1, keepdim=True)
        gate_TE = scaled_TE.softmax(-1) if config.gate == "softmax" else scaled_TE.sigmoid()

        group_T, n_groups = context.groups(config.routing_group)

        even_TE = (score_TE / config.balance_temperature).softmax(-1)
        balance = load_balancing_loss(even_TE, expert_T1, "per-token", group_T, n_groups)
        routing = top_k_routing(
            gate_TE.gather(1, expert_T1), expert_T1, self.n_experts, probability_TE=scaled_TE.softmax(-1),
            losses={"load_balance": AuxiliaryLoss(balance, config.balance_coefficient)},
            stats={"temperature": float(temperature.detach())},
        )  # fmt: skip
        return within_capacity(routing, group_T, n_groups, config.capacity_factor(self.training))

    def scores(self, x_TD: Tensor) -> Tensor:
        """Cosine of the projected token and each expert's vector, [T, E]; 0 of a zero vector."""
        projected_TR = float32_linear(x_TD, self.project_RD)
        expert_ER = F.normalize(self.expert_ER.to(projected_TR.dtype), dim=-1)
        return float32_linear(F.normalize(projected_TR, dim=-1), expert_ER)


make_layer = routed_by(XMoERouter, XMoEConfig)
DESIGN = Design(make_layer)
