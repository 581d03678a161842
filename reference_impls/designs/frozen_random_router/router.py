"""The router of Frozen random router; the page is README.md."""

import torch
from torch import Tensor

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.routing import (
    Progress,
    Router,
    Routing,
    RoutingContext,
    SparseRouting,
    float32_linear,
    top_k_routing,
)
from reference_impls.designs.frozen_random_router.config import RandomFrozenConfig


class RandomFrozenRouter(Router):
    """Top-k by weights that are drawn once; see README.md."""

    frozen_ED: Tensor
    k_now: Tensor

    def __init__(self, config: RandomFrozenConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        bound = config.d_model**-0.5
        self.register_buffer("frozen_ED", torch.empty(config.n_experts, config.d_model).uniform_(-bound, bound))
        first = config.first_experts_per_token or config.experts_per_token
        self.register_buffer("k_now", torch.tensor(first))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to the k experts of largest random logit."""
        k = int(self.k_now) if self.training else self.config.experts_per_token
        logit_TE = float32_linear(x_TD, self.frozen_ED)
        top_TK, expert_TK = logit_TE.topk(k, dim=-1)
        return top_k_routing(
            top_TK.softmax(-1), expert_TK, self.n_experts, probability_TE=logit_TE.softmax(-1),
            stats={"experts_per_token": float(k)},
        )  # fmt: skip

    def on_step(self, routing: Routing, progress: Progress) -> None:
        """Move k along its line."""
        last = self.config.experts_per_token
        first = self.config.first_experts_per_token or last
        self.k_now.fill_(first + round((last - first) * progress.fraction))


make_layer = routed_by(RandomFrozenRouter, RandomFrozenConfig)
DESIGN = Design(make_layer)
