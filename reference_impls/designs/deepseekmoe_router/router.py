"""The router of DeepSeekMoE; the page is README.md."""

from dataclasses import replace

import torch

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.device_balance import device_balance_loss
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.metrics import max_violation
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting, top_k_routing
from reference_impls.designs.deepseekmoe_router.config import DeepSeekMoEConfig


class DeepSeekMoERouter(LinearRouter[DeepSeekMoEConfig]):
    """Top-k of a softmax, not renormalised, balanced over experts and devices; see README.md."""

    def forward(self, x_TD: torch.Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k most probable experts."""
        config = self.config
        probability_TE = self.logits(x_TD).softmax(-1)
        weight_TK, expert_TK = probability_TE.topk(config.experts_per_token, dim=-1)
        balance = load_balancing_loss(probability_TE, expert_TK, "per-assignment")
        between_devices = device_balance_loss(probability_TE, expert_TK, config.n_devices)
        losses = {
            "load_balance": AuxiliaryLoss(balance, config.balance_coefficient),
            "device_balance": AuxiliaryLoss(between_devices, config.device_balance_coefficient),
        }
        routing = top_k_routing(weight_TK, expert_TK, self.n_experts, probability_TE=probability_TE, losses=losses)
        load_V = routing.load_E.double().view(config.n_devices, -1).sum(1)
        return replace(routing, stats={"device_max_violation": max_violation(load_V)})


make_layer = routed_by(DeepSeekMoERouter, DeepSeekMoEConfig)
DESIGN = Design(make_layer)
