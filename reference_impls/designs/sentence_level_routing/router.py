"""The router of Sentence-level routing; the page is README.md."""

import torch
from torch import Tensor

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.merging import group_mean
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting, top_k_routing
from reference_impls.designs.sentence_level_routing.config import SentenceLevelConfig


class SentenceLevelRouter(LinearRouter[SentenceLevelConfig]):
    """Top-k routing of sequence averages; see README.md."""

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each sequence by its average, and its tokens with it."""
        k, sequence_T = self.config.experts_per_token, context.sequence_T
        mean_GD = group_mean(x_TD, sequence_T, context.n_sequences)
        probability_GE = self.logits(mean_GD).softmax(-1)
        weight_GK, expert_GK = probability_GE.topk(k, dim=-1)
        if k > 1:
            weight_GK = weight_GK / weight_GK.sum(-1, keepdim=True)
        real_G = torch.unique(sequence_T)
        balance = load_balancing_loss(probability_GE[real_G], expert_GK[real_G], "first-choice")
        return top_k_routing(
            weight_GK[sequence_T],
            expert_GK[sequence_T],
            self.n_experts,
            probability_TE=probability_GE[sequence_T],
            losses={"load_balance": AuxiliaryLoss(balance, self.config.balance_coefficient)},
        )


make_layer = routed_by(SentenceLevelRouter, SentenceLevelConfig)
DESIGN = Design(make_layer)
