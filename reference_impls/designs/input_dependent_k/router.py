"""The router of Input-dependent k; the page is README.md."""

import torch
from torch import Tensor

from reference_impls.core.adaptive import masked_routing
from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.losses import masked_balance_loss
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting
from reference_impls.designs.input_dependent_k.config import InputDependentKConfig


class InputDependentKRouter(LinearRouter[InputDependentKConfig]):
    """Top-k with a k for each token; see README.md."""

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to as many experts as its complexity asks for."""
        config = self.config
        logit_TE = self.logits(x_TD)
        probability_TE = logit_TE.softmax(-1)
        complexity_T = self.complexity(x_TD, probability_TE.detach())
        k_T = (config.scale * complexity_T).floor().clamp(1, config.most_experts)
        expert_TE = logit_TE.argsort(dim=-1, descending=True, stable=True)
        rank_E = torch.arange(self.n_experts, device=x_TD.device)
        chosen_TE = rank_E < k_T[:, None]
        kept_TE = torch.zeros_like(chosen_TE).scatter(1, expert_TE, chosen_TE)

        balance = masked_balance_loss(probability_TE, kept_TE, float(kept_TE.sum()))
        return masked_routing(
            logit_TE.masked_fill(~kept_TE, -torch.inf).softmax(-1),
            kept_TE,
            probability_TE=probability_TE,
            losses={"load_balance": AuxiliaryLoss(balance, config.balance_coefficient)},
            stats={"complexity": float(complexity_T.sum()) / max(len(x_TD), 1)},
        )

    def complexity(self, x_TD: Tensor, probability_TE: Tensor) -> Tensor:
        """How complex each token is, [T], without gradient."""
        if self.config.complexity == "norm":
            return x_TD.detach().to(probability_TE.dtype).square().mean(-1).sqrt()
        entropy_T: Tensor = torch.special.entr(probability_TE).sum(-1)
        return entropy_T


make_layer = routed_by(InputDependentKRouter, InputDependentKConfig)
DESIGN = Design(make_layer)
