"""The router of DS-MoE; the page is README.md."""

from torch import Tensor

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.losses import token_information_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    LinearRouter,
    Routing,
    RoutingContext,
    dense_routing,
    top_k_routing,
)
from reference_impls.designs.dense_training_sparse_inference.config import DSMoEConfig


class DSMoERouter(LinearRouter[DSMoEConfig]):
    """All experts in training, the best outside it; see README.md."""

    def forward(self, x_TD: Tensor, context: RoutingContext) -> Routing:
        """Weigh all experts, and outside training keep the best."""
        probability_TE = self.logits(x_TD).softmax(-1)
        best_TK, expert_TK = probability_TE.topk(self.config.experts_per_token, dim=-1)
        information = token_information_loss(probability_TE)
        losses = {"mutual_information": AuxiliaryLoss(information, self.config.information_coefficient)}
        stats = {"kept_weight": float(best_TK.detach().sum()) / max(len(x_TD), 1)}
        if not self.training:
            return top_k_routing(
                best_TK, expert_TK, self.n_experts, probability_TE=probability_TE, losses=losses, stats=stats
            )
        return dense_routing(probability_TE, losses=losses, stats=stats)


make_layer = routed_by(DSMoERouter, DSMoEConfig)
DESIGN = Design(make_layer)
