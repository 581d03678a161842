"""The router of SimBal; the page is README.md."""

import torch
from torch import Tensor, nn

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.losses import router_z_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    LinearRouter,
    RoutingContext,
    SparseRouting,
    as_float32,
    top_k_routing,
)
from reference_impls.designs.similarity_preserving_balance.config import SimBalConfig


class SimBalRouter(LinearRouter[SimBalConfig]):
    """Top-k of a softmax, weights not renormalised, rows kept orthonormal; see README.md."""

    def __init__(self, config: SimBalConfig) -> None:
        super().__init__(config)
        nn.init.orthogonal_(self.weight_ED)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k most probable experts."""
        logit_TE = self.logits(x_TD)
        probability_TE = logit_TE.softmax(-1)
        weight_TK, expert_TK = probability_TE.topk(self.config.experts_per_token, dim=-1)
        losses = {
            "orthonormality": AuxiliaryLoss(
                orthonormality_loss(self.weight_ED), self.config.orthonormality_coefficient
            ),
            "router_z": AuxiliaryLoss(router_z_loss(logit_TE), self.config.z_coefficient),
        }
        return top_k_routing(weight_TK, expert_TK, self.n_experts, probability_TE=probability_TE, losses=losses)


def orthonormality_loss(weight_ED: Tensor) -> Tensor:
    """Sum over all entries of |W W^T - I|, in at least float32."""
    float32_ED = as_float32(weight_ED)
    gram_EE = float32_ED @ float32_ED.T
    return (gram_EE - torch.eye(len(gram_EE), dtype=gram_EE.dtype, device=gram_EE.device)).abs().sum()


make_layer = routed_by(SimBalRouter, SimBalConfig)
DESIGN = Design(make_layer)
