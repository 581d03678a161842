"""The router of DeepSeek-V2; the page is README.md."""

import torch
from torch import Tensor

from reference_impls.core.build import routed_by
from reference_impls.core.capacity import expert_capacity, fits_capacity
from reference_impls.core.design import Design
from reference_impls.core.device_balance import communication_balance_loss, device_balance_loss, devices_of
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting, top_k_routing
from reference_impls.designs.deepseek_v2_router.config import DeepSeekV2Config


class DeepSeekV2Router(LinearRouter[DeepSeekV2Config]):
    """Top-k of a softmax on each token's best devices; see README.md."""

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k most probable experts on its best devices."""
        config = self.config
        probability_TE = self.logits(x_TD).softmax(-1)
        expert_TK = self._on_best_devices(probability_TE.detach()).topk(config.experts_per_token, dim=-1).indices
        weight_TK = probability_TE.gather(1, expert_TK)
        devices = devices_of(expert_TK, self.n_experts, config.n_devices).sum() / max(len(x_TD), 1)
        routing = top_k_routing(
            config.routed_scale * weight_TK, expert_TK, self.n_experts, probability_TE=probability_TE,
            losses=self._losses(probability_TE, expert_TK), stats={"devices_per_token": float(devices)},
        )  # fmt: skip
        return self._within_budget(routing, context) if self.training else routing

    def _on_best_devices(self, probability_TE: Tensor) -> Tensor:
        """Probabilities, minus one outside the `top_devices` devices that hold each token's best experts."""
        n_devices, top_devices = self.config.n_devices, self.config.top_devices
        size = self.n_experts // n_devices
        probability_TVI = probability_TE.view(len(probability_TE), n_devices, size)  # V: devices, I: experts of one
        best_TM = probability_TVI.amax(-1).topk(top_devices, dim=-1).indices
        barred_TV = torch.ones_like(probability_TVI[..., 0], dtype=torch.bool).scatter(1, best_TM, False)
        limited_TVI = probability_TVI.masked_fill(barred_TV[..., None], -1.0)
        return limited_TVI.view_as(probability_TE)

    def _losses(self, probability_TE: Tensor, expert_TK: Tensor) -> dict[str, AuxiliaryLoss]:
        config = self.config
        of_experts = load_balancing_loss(probability_TE, expert_TK, "per-assignment")
        of_devices = device_balance_loss(probability_TE, expert_TK, config.n_devices)
        of_traffic = communication_balance_loss(probability_TE, expert_TK, config.n_devices, config.top_devices)
        return {
            "load_balance": AuxiliaryLoss(of_experts, config.balance_coefficient),
            "device_balance": AuxiliaryLoss(of_devices, config.device_balance_coefficient),
            "communication_balance": AuxiliaryLoss(of_traffic, config.communication_balance_coefficient),
        }

    def _within_budget(self, routing: SparseRouting, context: RoutingContext) -> SparseRouting:
        """Drop what exceeds the devices' budgets, the lightest first, but nothing of the spared sequences."""
        config = self.config
        device_A = routing.expert_A // (self.n_experts // config.n_devices)
        spared_A = context.sequence_T[routing.token_A] < round(config.spared_sequences * context.n_sequences)
        priority_A = routing.weight_A.detach().masked_fill(spared_A, torch.inf)
        order_A = priority_A.argsort(descending=True, stable=True)
        one_group_A = torch.zeros_like(device_A)
        assignments = torch.tensor([len(device_A)], device=device_A.device)
        budget = expert_capacity(assignments, config.n_devices, config.device_capacity_factor)
        kept_A = spared_A.clone()
        kept_A[order_A] |= fits_capacity(device_A[order_A], one_group_A, budget, config.n_devices)
        return routing.only(kept_A)


make_layer = routed_by(DeepSeekV2Router, DeepSeekV2Config)
DESIGN = Design(make_layer)
