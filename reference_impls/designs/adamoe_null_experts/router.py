"""The router of AdaMoE; the page is README.md."""

import torch
from torch import Tensor

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.pseudo_experts import routing_of_true_choices
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting
from reference_impls.designs.adamoe_null_experts.config import AdaMoEConfig

SMALLEST_SUM = 1e-20  # keeps the division finite where a token has no true expert, or all underflow


class AdaMoERouter(LinearRouter[AdaMoEConfig]):
    """Top-k over true and null experts, the true ones' weights scaled to one; see README.md."""

    def __init__(self, config: AdaMoEConfig) -> None:
        super().__init__(config, config.n_experts + config.null_experts)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to those of its k choices that are true experts."""
        config = self.config
        probability_TX = self.logits(x_TD).softmax(-1)  # X: true experts, then null ones
        top_TK, expert_TK = probability_TX.topk(config.choices_per_token, dim=-1)
        true_TK = top_TK.masked_fill(expert_TK >= config.n_experts, 0.0)
        weight_TK = true_TK / (true_TK.sum(-1, keepdim=True) + SMALLEST_SUM)
        balance = null_expert_balance_loss(probability_TX, expert_TK, config.n_experts)
        return routing_of_true_choices(
            weight_TK,
            expert_TK,
            config.n_experts,
            probability_TX=probability_TX,
            losses={"load_balance": AuxiliaryLoss(balance, config.balance_coefficient)},
        )


def null_expert_balance_loss(probability_TX: Tensor, expert_TK: Tensor, n_experts: int) -> Tensor:
    """Balancing loss over all X experts, those from `n_experts` on each charged with their mean load.

    1 under perfect balance, 0 of no tokens; the gradient flows through the probabilities alone.
    """
    T, X = probability_TX.shape
    share_X = torch.bincount(expert_TK.flatten(), minlength=X).to(probability_TX.dtype) / max(expert_TK.numel(), 1)
    if n_experts < X:  # there are null experts
        share_X[n_experts:] = share_X[n_experts:].mean()
    return X * (share_X * probability_TX.sum(0)).sum() / max(T, 1)


# The bank holds true experts only: null ones need no module.
make_layer = routed_by(AdaMoERouter, AdaMoEConfig)
DESIGN = Design(make_layer)
