"""The router of PanGu-Sigma random routed experts; the page is README.md."""

from itertools import pairwise

import torch
from torch import Tensor

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.routing import Router, RoutingContext, SparseRouting, look_up, routing_by_rule
from reference_impls.designs.random_routed_experts.config import RandomRoutedExpertsConfig


class RandomRoutedExpertsRouter(Router):
    """The domain's group, and in it the token id's expert; see README.md."""

    table_GV: Tensor

    def __init__(self, config: RandomRoutedExpertsConfig) -> None:
        super().__init__(config.n_experts)
        self.n_groups = config.domain_groups
        bounds = [group * config.n_experts // self.n_groups for group in range(self.n_groups + 1)]
        rows = [torch.randint(low, high, (config.vocabulary,)) for low, high in pairwise(bounds)]
        self.register_buffer("table_GV", torch.stack(rows))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route by domain and token id alone."""
        group_T = context.need("domain") % self.n_groups
        expert_TG = look_up(self.table_GV.T, context.need("token_id"))
        expert_T1 = expert_TG.gather(1, group_T[:, None])
        return routing_by_rule(x_TD, expert_T1, self.n_experts)


make_layer = routed_by(RandomRoutedExpertsRouter, RandomRoutedExpertsConfig)
DESIGN = Design(make_layer)
