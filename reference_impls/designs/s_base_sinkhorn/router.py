"""The router of S-BASE (Sinkhorn); the page is README.md."""

from dataclasses import replace

from torch import Tensor

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.routing import LinearRouter, RoutingContext, SparseRouting
from reference_impls.core.sigmoid_top1 import sigmoid_weighted
from reference_impls.designs.s_base_sinkhorn.config import SBaseConfig
from reference_impls.designs.s_base_sinkhorn.sinkhorn import sinkhorn_plan


class SBaseRouter(LinearRouter[SBaseConfig]):
    """A transport plan in training, the best expert outside; see README.md."""

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to one expert."""
        config = self.config
        logit_TE = self.logits(x_TD)
        best_T = logit_TE.argmax(-1)
        if not self.training:
            return sigmoid_weighted(logit_TE, best_T, best_T)
        group_T, n_groups = context.groups(config.routing_group)
        plan_TE = sinkhorn_plan(logit_TE, group_T, n_groups, epsilon=config.epsilon, steps=config.sinkhorn_steps)
        routing = sigmoid_weighted(logit_TE, plan_TE.argmax(-1), best_T)
        return replace(routing, stats={**routing.stats, "plan_violation": _violation(plan_TE, group_T, n_groups)})


def _violation(plan_TE: Tensor, group_T: Tensor, n_groups: int) -> float:
    """The largest |mass of an expert / equal share - 1| over the groups."""
    E = plan_TE.shape[1]
    mass_GE = plan_TE.new_zeros(n_groups, E).index_add_(0, group_T, plan_TE)
    share_G1 = mass_GE.sum(1, keepdim=True) / E
    return float((mass_GE / share_G1.clamp(min=1 / E) - 1)[share_G1[:, 0] > 0].abs().amax()) if len(plan_TE) else 0.0


make_layer = routed_by(SBaseRouter, SBaseConfig)
DESIGN = Design(make_layer)
