"""The router of GShard top-2; the page is README.md."""

import torch
from torch import Tensor

from reference_impls.core.build import routed_by
from reference_impls.core.capacity import within_capacity
from reference_impls.core.design import Design
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting, entropy
from reference_impls.designs.gshard_top2.config import GShardTop2Config


class GShardTop2Router(LinearRouter[GShardTop2Config]):
    """Top-2 routing with capacity and a random second expert; see README.md."""

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its best expert and perhaps its second, while they have room."""
        config = self.config
        probability_TE = self.logits(x_TD).softmax(-1)
        top_TK, expert_TK = probability_TE.topk(min(2, self.n_experts), dim=-1)
        weight_TK = top_TK / top_TK.sum(-1, keepdim=True)
        wanted_TK = torch.ones_like(expert_TK, dtype=torch.bool)
        wanted_TK[:, 1:] = self._use_second(weight_TK[:, 1:])

        # Column by column: every first choice is in the list, and so served, before any second one.
        choice_A, token_A = torch.where(wanted_TK.T)
        expert_A = expert_TK[token_A, choice_A]
        group_T, n_groups = context.groups(config.routing_group)

        balance = load_balancing_loss(probability_TE, expert_TK, "first-choice", group_T, n_groups)
        routing = SparseRouting(
            token_A=token_A,
            expert_A=expert_A,
            weight_A=weight_TK[token_A, choice_A],
            load_E=torch.bincount(expert_A, minlength=self.n_experts),
            entropy=entropy(probability_TE),
            n_tokens=len(x_TD),
            losses={"load_balance": AuxiliaryLoss(balance, config.balance_coefficient)},
        )
        return within_capacity(routing, group_T, n_groups, config.capacity_factor(self.training))

    def _use_second(self, weight_T1: Tensor) -> Tensor:
        policy = self.config.second_policy_train if self.training else self.config.second_policy_eval
        if policy == "always":
            return torch.ones_like(weight_T1, dtype=torch.bool)
        return torch.rand_like(weight_T1) < weight_T1.detach() / self.config.second_threshold


make_layer = routed_by(GShardTop2Router, GShardTop2Config)
DESIGN = Design(make_layer)
