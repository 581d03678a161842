"""The router of NLLB conditional routing; the page is README.md."""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.routing import AuxiliaryLoss, RoutingContext, SparseRouting, float32_linear
from reference_impls.designs.gshard_top2.router import GShardTop2Router
from reference_impls.designs.nllb_conditional_routing.config import NllbCmrConfig


class NllbCmrRouter(GShardTop2Router):
    """GShard's routing, weighed against a shared network; see README.md."""

    config: NllbCmrConfig

    def __init__(self, config: NllbCmrConfig) -> None:
        super().__init__(config)
        self.gate_1D = nn.Parameter(torch.zeros(1, config.d_model))
        self.gate_bias = nn.Parameter(torch.zeros(1))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route to two experts, and divide each token between them and the shared network."""
        config, T = self.config, max(len(x_TD), 1)
        routing = super().forward(x_TD, context)
        gate_T = float32_linear(x_TD, self.gate_1D, self.gate_bias).sigmoid()[:, 0]
        gate_T = F.dropout(gate_T, config.gate_dropout, self.training)
        budget = (gate_T - config.mixture_budget).sum().abs() / T
        return replace(
            routing,
            weight_A=routing.weight_A * gate_T[routing.token_A],
            shared_T=1 - gate_T,
            losses={**routing.losses, "budget": AuxiliaryLoss(budget, config.budget_coefficient)},
            stats={"mixture_share": float(gate_T.detach().sum() / T)},
        )


make_layer = routed_by(NllbCmrRouter, NllbCmrConfig)
DESIGN = Design(make_layer)
