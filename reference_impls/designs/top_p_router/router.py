"""The router of Top-p routing; the page is README.md."""

import torch
from torch import Tensor

from reference_impls.core.adaptive import masked_routing
from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.losses import SMALLEST_PROBABILITY, masked_balance_loss
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting
from reference_impls.designs.top_p_router.config import TopPConfig


class TopPRouter(LinearRouter[TopPConfig]):
    """Experts in order of probability until their sum passes a threshold; see README.md."""

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to as many experts as its uncertainty asks for."""
        config = self.config
        probability_TE = self.logits(x_TD).softmax(-1)
        kept_TE = top_p_mask(probability_TE.detach(), config.threshold)
        balance = masked_balance_loss(probability_TE, kept_TE, float(kept_TE.sum()))
        # Clamped, since the derivative of p log p at 0 is infinite.
        entropy_TE = -probability_TE * probability_TE.clamp(min=SMALLEST_PROBABILITY).log()
        losses = {
            "load_balance": AuxiliaryLoss(balance, config.balance_coefficient),
            "dynamic": AuxiliaryLoss(entropy_TE.sum() / max(len(x_TD), 1), config.dynamic_coefficient),
        }
        return masked_routing(probability_TE, kept_TE, probability_TE=probability_TE, losses=losses)


def top_p_mask(probability_TE: Tensor, threshold: float) -> Tensor:
    """True for the fewest most probable experts whose sum is greater than the threshold, bool [T, E]."""
    sorted_TE, expert_TE = probability_TE.sort(dim=-1, descending=True, stable=True)
    before_TE = sorted_TE.cumsum(-1) - sorted_TE
    return torch.zeros_like(probability_TE, dtype=torch.bool).scatter(1, expert_TE, before_TE <= threshold)


make_layer = routed_by(TopPRouter, TopPConfig)
DESIGN = Design(make_layer)
