"""The router of Expert choice; the page is README.md."""

import torch
from torch import Tensor

from reference_impls.core.build import routed_by
from reference_impls.core.capacity import expert_capacity
from reference_impls.core.design import Design
from reference_impls.core.routing import LinearRouter, RoutingContext, SparseRouting, entropy
from reference_impls.designs.expert_choice.config import ExpertChoiceConfig


class ExpertChoiceRouter(LinearRouter[ExpertChoiceConfig]):
    """Every expert takes its best tokens of each group; see README.md."""

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Let the experts choose."""
        T, E = len(x_TD), self.n_experts
        probability_TE = self.logits(x_TD).softmax(-1)
        group_T, n_groups = context.groups(self.config.routing_group)
        size_G = torch.bincount(group_T, minlength=n_groups)
        capacity_G = expert_capacity(size_G, E, self.config.capacity_factor)

        rank_TE = rank_in_group(probability_TE.detach(), group_T, size_G)
        token_A, expert_A = torch.where(rank_TE < capacity_G[group_T, None])
        experts_T = torch.bincount(token_A, minlength=T)
        return SparseRouting(
            token_A=token_A,
            expert_A=expert_A,
            weight_A=probability_TE[token_A, expert_A],
            load_E=torch.bincount(expert_A, minlength=E),
            entropy=entropy(probability_TE),
            n_tokens=T,
            stats={
                "untaken_fraction": float((experts_T == 0).sum()) / max(T, 1),
                "most_experts": float(experts_T.max()) if T else 0.0,
            },
        )


def rank_in_group(score_TE: Tensor, group_T: Tensor, size_G: Tensor) -> Tensor:
    """The place of each token among those of its group, for each expert: 0 is the highest score, [T, E].

    Of equal scores the earlier token's counts as higher.
    """
    T, E = score_TE.shape
    by_score_TE = torch.argsort(score_TE, dim=0, descending=True, stable=True)
    # A stable sort by group keeps the order of scores inside each; all columns then have the groups in the same rows.
    by_group_TE = torch.argsort(group_T[by_score_TE], dim=0, stable=True)
    order_TE = by_score_TE.gather(0, by_group_TE)
    first_G = size_G.cumsum(0) - size_G
    place_T = torch.arange(T, device=score_TE.device) - first_G.repeat_interleave(size_G)
    return torch.empty_like(order_TE).scatter_(0, order_TE, place_T[:, None].expand(T, E))


make_layer = routed_by(ExpertChoiceRouter, ExpertChoiceConfig)
DESIGN = Design(make_layer)
