"""The router of Yuan 2.0-M32 attention router; the page is README.md."""

import torch
from torch import Tensor, nn

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.losses import load_balancing_loss, router_z_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    Router,
    RoutingContext,
    SparseRouting,
    entropy,
    float32_linear,
    top_k_routing,
)
from reference_impls.designs.yuan_attention_router.config import YuanAttentionConfig


class YuanAttentionRouter(Router):
    """Top-k of logits that an attention over the experts mixes; see README.md."""

    def __init__(self, config: YuanAttentionConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        self.query_ED = nn.Parameter(torch.empty(config.n_experts, config.d_model))
        self.key_ED = nn.Parameter(torch.empty(config.n_experts, config.d_model))
        self.value_ED = nn.Parameter(torch.empty(config.n_experts, config.d_model))
        for weight in (self.query_ED, self.key_ED, self.value_ED):
            nn.init.normal_(weight, std=config.d_model**-0.5)

    def attend(self, x_TD: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [T, E], and the attention [T, E, E] of each expert (second axis) over all."""
        query_TE, key_TE, value_TE = (float32_linear(x_TD, w) for w in (self.query_ED, self.key_ED, self.value_ED))
        attention_TEE = (query_TE[:, :, None] * key_TE[:, None, :]).softmax(-1)
        return (attention_TEE @ value_TE[:, :, None]).squeeze(-1), attention_TEE

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k experts of largest logit."""
        config = self.config
        logit_TE, attention_TEE = self.attend(x_TD)
        probability_TE = logit_TE.softmax(-1)
        top_TK, expert_TK = logit_TE.topk(config.experts_per_token, dim=-1)
        balance = load_balancing_loss(probability_TE, expert_TK, "per-assignment")
        losses = {"load_balance": AuxiliaryLoss(balance, config.balance_coefficient)}
        if config.z_coefficient > 0:
            losses["router_z"] = AuxiliaryLoss(router_z_loss(logit_TE), config.z_coefficient)
        return top_k_routing(
            top_TK.softmax(-1), expert_TK, self.n_experts, probability_TE=probability_TE, losses=losses,
            stats={"attention_entropy": float(entropy(attention_TEE.flatten(0, 1)))},
        )  # fmt: skip


make_layer = routed_by(YuanAttentionRouter, YuanAttentionConfig)
DESIGN = Design(make_layer)
