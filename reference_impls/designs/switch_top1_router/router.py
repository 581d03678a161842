"""The router of Switch top-1; the page is README.md."""

import torch
from torch import Tensor

from reference_impls.core.build import moe_layer
from reference_impls.core.capacity import within_capacity
from reference_impls.core.design import Design
from reference_impls.core.experts import draw
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import load_balancing_loss, router_z_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    LinearRouter,
    RoutingContext,
    SparseRouting,
    as_float32,
    top_k_routing,
)
from reference_impls.designs.switch_top1_router.config import SwitchTop1Config


class SwitchTop1Router(LinearRouter[SwitchTop1Config]):
    """Top-1 routing with capacity, the choice's probability as weight; see README.md."""

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its most probable expert while the expert has room."""
        config = self.config
        logit_TE = self.logits(self._jittered(x_TD) if self.training else x_TD)
        probability_TE = logit_TE.softmax(-1)
        weight_T1, expert_T1 = probability_TE.max(-1, keepdim=True)

        group_T, n_groups = context.groups(config.routing_group)
        balance = load_balancing_loss(probability_TE, expert_T1, "per-token", group_T, n_groups)
        losses = {"load_balance": AuxiliaryLoss(balance, config.balance_coefficient)}
        if config.z_coefficient > 0:
            losses["router_z"] = AuxiliaryLoss(router_z_loss(logit_TE), config.z_coefficient)
        routing = top_k_routing(weight_T1, expert_T1, self.n_experts, probability_TE=probability_TE, losses=losses)
        return within_capacity(routing, group_T, n_groups, config.capacity_factor(self.training))

    def _jittered(self, x_TD: Tensor) -> Tensor:
        jitter = self.config.jitter
        if jitter == 0:
            return x_TD
        # In the router's precision: bfloat16 has no number between 1 and 1.0078.
        float32_TD = as_float32(x_TD)
        return float32_TD * torch.empty_like(float32_TD).uniform_(1 - jitter, 1 + jitter)


def make_layer(config: SwitchTop1Config) -> MoELayer:
    """A Switch layer: router and ReLU experts, initialised as the paper recommends."""
    layer = moe_layer(config, SwitchTop1Router(config))
    for weight in layer.parameters():
        draw(weight, config.initial_scale)
    return layer


DESIGN = Design(make_layer)
