"""The router of SMEAR; the page is README.md."""

import torch
from torch import Tensor, nn

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.merging import group_mean, merge_routing
from reference_impls.core.routing import LinearRouter, MergeRouting, RoutingContext
from reference_impls.designs.smear.config import SMEARConfig

TINY = 1e-10  # as in the authors' code: where all experts are left out, the average is the plain one


class SMEARRouter(LinearRouter[SMEARConfig]):
    """Softmax of the normed mean token of each sequence; see README.md."""

    def __init__(self, config: SMEARConfig) -> None:
        super().__init__(config)
        self.norm = nn.LayerNorm(config.d_model)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> MergeRouting:
        """Weights of all experts for each sequence."""
        mean_GD = group_mean(x_TD, context.sequence_T, context.n_sequences)
        wide, norm = mean_GD.dtype, self.norm
        normed_GD = nn.functional.layer_norm(
            mean_GD, norm.normalized_shape, norm.weight.to(wide), norm.bias.to(wide), norm.eps
        )
        weight_GE = self.logits(normed_GD).softmax(-1)
        if self.training:
            weight_GE = self._without_some(weight_GE)
        return merge_routing(weight_GE, context.sequence_T)

    def _without_some(self, weight_GE: Tensor) -> Tensor:
        kept_GE = torch.rand_like(weight_GE) >= self.config.expert_dropout
        left_GE = weight_GE * kept_GE + TINY
        return left_GE / left_GE.sum(-1, keepdim=True)


make_layer = routed_by(SMEARRouter, SMEARConfig)
DESIGN = Design(make_layer)
