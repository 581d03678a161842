"""The router of MEO; the page is README.md."""

import torch
from torch import Tensor, nn

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import squared_cv
from reference_impls.core.merging import group_mean, merge_routing
from reference_impls.core.noise import NoisyGate
from reference_impls.core.routing import AuxiliaryLoss, MergeRouting, Router, Routing, RoutingContext, float32_linear
from reference_impls.designs.meo_sequence_merging.config import MEOConfig


class TokenAttention(nn.Module):
    """Adds to each token a narrow feed-forward of it, in at least float32; nothing at first."""

    def __init__(self, d_model: int, width: int) -> None:
        super().__init__()
        self.down_HD, self.down_H = nn.Parameter(torch.empty(width, d_model)), nn.Parameter(torch.zeros(width))
        self.up_DH, self.up_D = nn.Parameter(torch.zeros(d_model, width)), nn.Parameter(torch.zeros(d_model))
        nn.init.normal_(self.down_HD, std=d_model**-0.5)

    def forward(self, x_TD: Tensor) -> Tensor:
        """Tokens [T, D]."""
        hidden_TH = float32_linear(x_TD, self.down_HD, self.down_H).relu()
        return x_TD + float32_linear(hidden_TH, self.up_DH, self.up_D)


class MEORouter(Router):
    """Noisy top-k of the mean token of each sequence; see README.md."""

    def __init__(self, config: MEOConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        self.attention = TokenAttention(config.d_model, config.attention_width)
        self.gate = NoisyGate(config.d_model, config.n_experts, config.noise_floor)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> MergeRouting:
        """Weights of the selected experts for each sequence."""
        k, coefficient = self.config.merged_experts, self.config.balance_coefficient
        logits = self.gate(group_mean(x_TD, context.sequence_T, context.n_sequences))
        best_GK, expert_GK = logits.noisy.topk(k, dim=-1)
        weight_GE = torch.zeros_like(logits.noisy).scatter(-1, expert_GK, best_GK.softmax(-1))
        filled_G = torch.bincount(context.sequence_T, minlength=context.n_sequences) > 0
        losses = {
            "importance": AuxiliaryLoss(squared_cv(weight_GE[filled_G].sum(0)), coefficient),
            "load": AuxiliaryLoss(squared_cv(logits.inclusion(k)[filled_G].sum(0)), coefficient),
        }
        stats = {"noise_deviation": logits.mean_deviation}
        return merge_routing(weight_GE, context.sequence_T, losses=losses, stats=stats)


class MEOLayer(MoELayer):
    """Shows router and experts the tokens after the token attention."""

    router: MEORouter

    def view(self, x_TD: Tensor, context: RoutingContext) -> tuple[Tensor, RoutingContext]:
        """The tokens after the token attention, in the router's precision."""
        return self.router.attention(x_TD), context

    def combine(self, x_TD: Tensor, routing: Routing) -> Tensor:
        """Outputs of the merged experts, in the experts' precision."""
        return super().combine(x_TD.to(next(self.experts.parameters()).dtype), routing)


make_layer = routed_by(MEORouter, MEOConfig, MEOLayer)
DESIGN = Design(make_layer)
