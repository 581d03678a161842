"""The router of SparseMixer-v2 (GRIN); the page is README.md."""

import torch
from torch import Tensor

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.noise import gumbel_noise
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting, top_k_routing
from reference_impls.designs.sparsemixer_v2_router.config import SparseMixerConfig

WHOLE_STEP = 0.25  # how often an expert that is not the best enters whole; otherwise with a third


class SparseMixerRouter(LinearRouter[SparseMixerConfig]):
    """k rounds of draws near the best logit, with an estimated gradient; see README.md."""

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to k experts, drawn in training."""
        config = self.config
        logit_TE = left_TE = self.logits(x_TD)
        weights, experts, off_best, near = [], [], 0.0, 0.0
        for turn in range(config.experts_per_token):
            probability_TE = near_softmax(logit_TE, left_TE, config.relative_width)
            expert_T1, weight_T1 = draw(probability_TE) if self.training else take_best(probability_TE)
            left_TE = left_TE.scatter(1, expert_T1, -torch.inf)
            weights.append(weight_T1)
            experts.append(expert_T1)
            off_best += float((expert_T1 != probability_TE.argmax(-1, keepdim=True)).sum())
            if turn == 0:
                near = float((probability_TE > 0).sum())
        expert_TK = torch.cat(experts, dim=-1)
        probability_TE = logit_TE.softmax(-1)
        balance = load_balancing_loss(probability_TE, expert_TK, "per-token")
        T = max(len(x_TD), 1)
        return top_k_routing(
            torch.cat(weights, dim=-1), expert_TK, self.n_experts, probability_TE=probability_TE,
            losses={"load_balance": AuxiliaryLoss(balance, config.balance_coefficient)},
            stats={"near_experts": near / T, "drawn_off_best": off_best / (T * config.experts_per_token)},
        )  # fmt: skip


def near_softmax(logit_TE: Tensor, left_TE: Tensor, relative_width: float) -> Tensor:
    """Softmax over the experts of a round whose logits are near the best.

    Args:
        logit_TE: all logits.
        left_TE: the same, minus infinity where an expert was chosen before.
        relative_width: how near, relative to the larger of the two.
    """
    best_T1 = left_TE.detach().amax(-1, keepdim=True)
    scale_TE = torch.maximum(logit_TE.detach().abs(), best_T1)
    far_TE = best_T1 - logit_TE.detach() > relative_width * scale_TE
    return left_TE.masked_fill(far_TE, -torch.inf).softmax(-1)


def take_best(probability_TE: Tensor) -> tuple[Tensor, Tensor]:
    """The best expert and its probability, both [T, 1]."""
    weight_T1, expert_T1 = probability_TE.max(-1, keepdim=True)
    return expert_T1, weight_T1


def draw(probability_TE: Tensor) -> tuple[Tensor, Tensor]:
    """An expert drawn from its distribution and its weight with the estimated gradient, both [T, 1]."""
    # The largest of log p plus Gumbel noise is a draw from p.
    expert_T1 = (probability_TE.detach().log() + gumbel_noise(probability_TE)).argmax(-1, keepdim=True)
    is_best_T1 = expert_T1 == probability_TE.argmax(-1, keepdim=True)
    whole_T1 = is_best_T1 | (torch.rand_like(probability_TE[:, :1]) > 1 - WHOLE_STEP)
    weight_T1 = probability_TE.gather(1, expert_T1)
    # The factor is part of the value only: the gradient remains that of the probability.
    return expert_T1, weight_T1 - (weight_T1 * 2 / 3).masked_fill(whole_T1, 0.0).detach()


make_layer = routed_by(SparseMixerRouter, SparseMixerConfig)
DESIGN = Design(make_layer)
