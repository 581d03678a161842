"""The router of Noisy top-k; the page is README.md."""

from torch import Tensor

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.losses import squared_cv
from reference_impls.core.noise import NoisyGate
from reference_impls.core.routing import AuxiliaryLoss, Router, RoutingContext, SparseRouting, top_k_routing
from reference_impls.designs.noisy_top_k.config import NoisyTopKConfig


class NoisyTopKRouter(Router):
    """Top-k of noisy logits with a loss on importance and one on load; see README.md."""

    def __init__(self, config: NoisyTopKConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        self.gate = NoisyGate(config.d_model, config.n_experts, config.noise_floor)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k experts of largest noisy logit."""
        config, k = self.config, self.config.experts_per_token
        logits = self.gate(x_TD)
        top_TK, expert_TK = logits.noisy.topk(k, dim=-1)
        weight_TK = top_TK.softmax(-1)

        importance_E = weight_TK.new_zeros(self.n_experts).index_add(0, expert_TK.flatten(), weight_TK.flatten())
        load_E = logits.inclusion(k).sum(0)
        losses = {
            "importance": AuxiliaryLoss(squared_cv(importance_E), config.importance_coefficient),
            "load": AuxiliaryLoss(squared_cv(load_E), config.load_coefficient),
        }
        return top_k_routing(
            weight_TK, expert_TK, self.n_experts, probability_TE=logits.clean.softmax(-1), losses=losses,
            stats={"noise_deviation": logits.mean_deviation},
        )  # fmt: skip


make_layer = routed_by(NoisyTopKRouter, NoisyTopKConfig)
DESIGN = Design(make_layer)
