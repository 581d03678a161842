"""The router of ModuleFormer; the page is README.md."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.losses import token_information_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    Router,
    RoutingContext,
    SparseRouting,
    float32_linear,
    top_k_routing,
)
from reference_impls.designs.moduleformer_router.config import ModuleFormerConfig


class ModuleFormerRouter(Router):
    """Top-k of a network with one hidden layer, not renormalised; see README.md."""

    def __init__(self, config: ModuleFormerConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        self.hidden_HD = nn.Parameter(torch.empty(config.gate_hidden, config.d_model))
        self.hidden_bias_H = nn.Parameter(torch.zeros(config.gate_hidden))
        self.weight_EH = nn.Parameter(torch.empty(config.n_experts, config.gate_hidden))
        nn.init.normal_(self.hidden_HD, std=config.d_model**-0.5)
        nn.init.normal_(self.weight_EH, std=0.1 * config.gate_hidden**-0.5)

    def logits(self, x_TD: Tensor) -> Tensor:
        """Router logits [T, E]."""
        hidden_TH = F.gelu(float32_linear(x_TD, self.hidden_HD, self.hidden_bias_H))
        return float32_linear(F.dropout(hidden_TH, self.config.gate_dropout, self.training), self.weight_EH)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k most probable experts."""
        probability_TE = self.logits(x_TD).softmax(-1)
        weight_TK, expert_TK = probability_TE.topk(self.config.experts_per_token, dim=-1)
        information = token_information_loss(probability_TE)
        losses = {"token_information": AuxiliaryLoss(information, self.config.information_coefficient)}
        return top_k_routing(weight_TK, expert_TK, self.n_experts, probability_TE=probability_TE, losses=losses)


make_layer = routed_by(ModuleFormerRouter, ModuleFormerConfig)
DESIGN = Design(make_layer)
