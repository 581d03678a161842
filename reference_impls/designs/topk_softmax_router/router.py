"""The router of gpt-oss; the page is README.md."""

import torch
from torch import Tensor, nn

from reference_impls.core.design import Design
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    LinearRouter,
    RoutingContext,
    SparseRouting,
    float32_linear,
    top_k_routing,
)
from reference_impls.designs.topk_softmax_router.config import GptOssConfig
from reference_impls.designs.topk_softmax_router.experts import ClampedSwiGLUExperts


class GptOssRouter(LinearRouter[GptOssConfig]):
    """Top-k of biased logits, softmax over the chosen; see README.md."""

    def __init__(self, config: GptOssConfig) -> None:
        super().__init__(config)
        self.router_bias_E = nn.Parameter(torch.zeros(config.n_experts))

    def logits(self, x_TD: Tensor) -> Tensor:
        """Router logits [T, E], bias included."""
        return float32_linear(x_TD, self.weight_ED, self.router_bias_E)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k experts of largest logit."""
        logit_TE = self.logits(x_TD)
        probability_TE = logit_TE.softmax(-1)
        top_TK, expert_TK = logit_TE.topk(self.config.experts_per_token, dim=-1)
        balance = load_balancing_loss(probability_TE, expert_TK, "per-token")
        losses = {"load_balance": AuxiliaryLoss(balance, self.config.balance_coefficient)}
        return top_k_routing(
            top_TK.softmax(-1), expert_TK, self.n_experts, probability_TE=probability_TE, losses=losses
        )


def make_layer(config: GptOssConfig) -> MoELayer:
    """A gpt-oss layer: router and clamped SwiGLU experts."""
    experts = ClampedSwiGLUExperts(
        config.n_experts, config.d_model, config.d_expert, gain=config.swiglu_gain, limit=config.swiglu_limit,
        output_scale=1 / (2 * config.n_layers),
    )  # fmt: skip
    return MoELayer(GptOssRouter(config), experts)


DESIGN = Design(make_layer)
