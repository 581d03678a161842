"""The router of BASE layers; the page is README.md."""

from torch import Tensor, nn

from reference_impls.core.assignment import balanced_assignment
from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.routing import LinearRouter, RoutingContext, SparseRouting
from reference_impls.core.sigmoid_top1 import sigmoid_weighted
from reference_impls.designs.base_assignment.config import BaseLayersConfig


class BaseLayersRouter(LinearRouter[BaseLayersConfig]):
    """Balanced assignment in training, the best expert outside; see README.md."""

    def __init__(self, config: BaseLayersConfig) -> None:
        super().__init__(config)
        nn.init.orthogonal_(self.weight_ED, gain=0.1)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Assign the tokens."""
        affinity_TE = self.logits(x_TD)
        best_T = affinity_TE.argmax(-1)
        if self.training:
            group_T, n_groups = context.groups(self.config.routing_group)
            expert_T = balanced_assignment(affinity_TE, 1, group_T, n_groups)[:, 0]
        else:
            expert_T = best_T
        return sigmoid_weighted(affinity_TE, expert_T, best_T)


make_layer = routed_by(BaseLayersRouter, BaseLayersConfig)
DESIGN = Design(make_layer)
