"""The router of Mixtral top-2; the page is README.md."""

from torch import Tensor

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting, top_k_routing
from reference_impls.designs.mixtral_top2_router.config import MixtralTop2Config


class MixtralTop2Router(LinearRouter[MixtralTop2Config]):
    """Dropless top-k routing, softmax over the chosen logits; see README.md."""

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k experts of largest logit."""
        k = self.config.experts_per_token
        logit_TE = self.logits(x_TD)
        probability_TE = logit_TE.softmax(-1)
        top_TK, expert_TK = logit_TE.topk(k, dim=-1)
        balance = load_balancing_loss(probability_TE, expert_TK, self.config.balance_convention)
        losses = {"load_balance": AuxiliaryLoss(balance, self.config.balance_coefficient)}
        return top_k_routing(
            top_TK.softmax(-1), expert_TK, self.n_experts, probability_TE=probability_TE, losses=losses
        )


make_layer = routed_by(MixtralTop2Router, MixtralTop2Config)
DESIGN = Design(make_layer)
