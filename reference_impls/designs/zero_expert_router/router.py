"""The router of LongCat-Flash zero experts; the page is README.md."""

from dataclasses import replace

import torch
from torch import Tensor

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.pseudo_experts import routing_of_true_choices
from reference_impls.core.routing import LinearRouter, Progress, Routing, RoutingContext, SparseRouting
from reference_impls.designs.zero_expert_router.config import LongCatZeroConfig


class LongCatZeroRouter(LinearRouter[LongCatZeroConfig]):
    """Biased top-k over true and identity experts; see README.md."""

    bias_E: Tensor

    def __init__(self, config: LongCatZeroConfig) -> None:
        super().__init__(config, config.n_experts + config.zero_experts)
        self.register_buffer("bias_E", torch.zeros(self.n_experts))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to those of its k choices that are true experts, and to itself for the others."""
        config = self.config
        probability_TX = self.logits(x_TD).softmax(-1)  # X: true experts, then zero-computation ones
        expert_TK = (probability_TX.detach() + self.bias_E).topk(config.choices_per_token, dim=-1).indices
        weight_TK = config.routed_scale * probability_TX.gather(1, expert_TK)
        identity_T = weight_TK.masked_fill(expert_TK < config.n_experts, 0.0).sum(-1)
        routing = routing_of_true_choices(
            weight_TK, expert_TK, config.n_experts, probability_TX=probability_TX, losses={}, identity_T=identity_T
        )
        mean = float(identity_T.detach().sum()) / max(len(identity_T), 1)
        return replace(routing, stats={**routing.stats, "identity_weight": mean})

    @torch.no_grad()
    def on_step(self, routing: Routing, progress: Progress) -> None:
        """Move each true expert's bias in proportion to what its share of the choices lacks."""
        if routing.n_tokens == 0:
            return
        config = self.config
        share_E = routing.load_E.double() / (config.choices_per_token * routing.n_tokens)
        wanted = config.expected_experts / (config.choices_per_token * config.n_experts)
        change_E = config.bias_update_speed * (wanted - share_E)
        self.bias_E[: config.n_experts] += change_E.to(self.bias_E.dtype)


# The bank holds true experts only: zero ones need no module.
make_layer = routed_by(LongCatZeroRouter, LongCatZeroConfig)
DESIGN = Design(make_layer)
