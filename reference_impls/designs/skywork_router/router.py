"""The router of Skywork-MoE; the page is README.md."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.core.build import routed_by
from reference_impls.core.capacity import within_capacity
from reference_impls.core.design import Design
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    LinearRouter,
    Progress,
    Routing,
    RoutingContext,
    SparseRouting,
    float32_linear,
    top_k_routing,
)
from reference_impls.designs.skywork_router.config import SkyworkConfig

SMALLEST_VARIANCE = 1e-6  # keeps the gradient finite where all logits of a token are alike


class SkyworkRouter(LinearRouter[SkyworkConfig]):
    """Top-k of a softmax of standardised logits, with capacity; see README.md."""

    coefficient: Tensor

    def __init__(self, config: SkyworkConfig) -> None:
        super().__init__(config)
        self.router_bias_E = nn.Parameter(torch.zeros(config.n_experts))
        self.register_buffer("coefficient", torch.tensor(config.balance_coefficient, dtype=torch.float64))

    def logits(self, x_TD: Tensor) -> Tensor:
        """Standardised logits [T, E]: mean 0 and deviation `logit_scale` over the experts."""
        raw_TE = float32_linear(x_TD, self.weight_ED, self.router_bias_E)
        return self.config.logit_scale * F.layer_norm(raw_TE, (self.n_experts,), eps=SMALLEST_VARIANCE)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k most probable experts while they have room."""
        config = self.config
        probability_TE = self.logits(x_TD).softmax(-1)
        top_TK, expert_TK = probability_TE.topk(config.experts_per_token, dim=-1)
        group_T, n_groups = context.groups(config.routing_group)
        balance = load_balancing_loss(probability_TE, expert_TK, "per-assignment", group_T, n_groups)
        coefficient = float(self.coefficient)
        routing = top_k_routing(
            top_TK / top_TK.sum(-1, keepdim=True), expert_TK, self.n_experts, probability_TE=probability_TE,
            losses={"load_balance": AuxiliaryLoss(balance, coefficient)},
            stats={"balance_coefficient": coefficient, "sharpness": _sharpness(probability_TE)},
        )  # fmt: skip
        return within_capacity(routing, group_T, n_groups, config.capacity_factor(self.training))

    @torch.no_grad()
    def on_step(self, routing: Routing, progress: Progress) -> None:
        """Draw the coefficient towards what the step's drops ask for."""
        config = self.config
        dropped = routing.n_dropped / max(int(routing.load_E.sum()), 1)
        asked = min(config.drop_sensitivity * dropped, config.largest_coefficient)
        self.coefficient.lerp_(torch.full_like(self.coefficient, asked), 1 - config.coefficient_memory)


def _sharpness(probability_TE: Tensor) -> float:
    """Largest over second largest probability, at most a million, mean over tokens; 1 where there is no second."""
    if probability_TE.numel() == 0 or probability_TE.shape[1] == 1:
        return 1.0
    first_T, second_T = probability_TE.detach().topk(2, dim=-1).values.unbind(-1)
    return float((first_T / second_T).clamp(max=1e6).mean())


make_layer = routed_by(SkyworkRouter, SkyworkConfig)
DESIGN = Design(make_layer)
