"""The router of Noisy top-k in two levels; the page is README.md."""

import torch
from torch import Tensor

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.losses import squared_cv
from reference_impls.core.metrics import load_cv
from reference_impls.core.noise import NoisyGate, NoisyLogits
from reference_impls.core.routing import AuxiliaryLoss, Router, RoutingContext, SparseRouting, top_k_routing
from reference_impls.designs.hierarchical_noisy_top_k.config import HierarchicalNoisyTopKConfig


class HierarchicalNoisyTopKRouter(Router):
    """A noisy top-k gate over groups, and one over the experts of each group; see README.md."""

    def __init__(self, config: HierarchicalNoisyTopKConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        self.primary = NoisyGate(config.d_model, config.n_groups, config.noise_floor)
        self.secondary = NoisyGate(config.d_model, config.n_experts, config.noise_floor)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to the best experts of its best groups."""
        config = self.config
        primary = self.primary(x_TD)
        secondary = self.secondary(x_TD).grouped(config.n_groups)  # [T, a, b]
        top_TA, group_TA = primary.noisy.topk(config.groups_per_token, dim=-1)
        chosen_TAb = secondary.noisy.gather(1, group_TA[..., None].expand(-1, -1, config.group_size))
        top_TAB, inner_TAB = chosen_TAb.topk(config.experts_per_group, dim=-1)
        weight_TK = (top_TA.softmax(-1)[..., None] * top_TAB.softmax(-1)).flatten(1)
        expert_TK = (group_TA[..., None] * config.group_size + inner_TAB).flatten(1)

        importance_E = weight_TK.new_zeros(self.n_experts).index_add(0, expert_TK.flatten(), weight_TK.flatten())
        count_a = torch.bincount(group_TA.flatten(), minlength=config.n_groups)
        load_E = self._load(primary, secondary, group_TA, count_a)
        probability_Tab = primary.clean.softmax(-1)[..., None] * secondary.clean.softmax(-1)
        losses = {
            "importance": AuxiliaryLoss(squared_cv(importance_E), config.importance_coefficient),
            "load": AuxiliaryLoss(squared_cv(load_E), config.load_coefficient),
        }
        return top_k_routing(
            weight_TK, expert_TK, self.n_experts, probability_TE=probability_Tab.flatten(1), losses=losses,
            stats={"group_load_cv": load_cv(count_a.double())},
        )  # fmt: skip

    def _load(self, primary: NoisyLogits, secondary: NoisyLogits, group_TA: Tensor, count_a: Tensor) -> Tensor:
        """Expected tokens of each expert: those of its group, times its share of the tokens that chose the group."""
        visited_Ta = torch.zeros_like(primary.clean).scatter(1, group_TA, 1.0)
        inside_ab = (secondary.inclusion(self.config.experts_per_group) * visited_Ta[..., None]).sum(0)
        load_a = primary.inclusion(self.config.groups_per_token).sum(0)
        return (load_a[:, None] * inside_ab / count_a.clamp(min=1)[:, None]).flatten()


make_layer = routed_by(HierarchicalNoisyTopKRouter, HierarchicalNoisyTopKConfig)
DESIGN = Design(make_layer)
