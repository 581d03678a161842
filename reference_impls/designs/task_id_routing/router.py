"""The router of Task and language routing; the page is README.md."""

from torch import Tensor

from reference_impls.core.build import moe_layer
from reference_impls.core.design import Design
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import Router, RoutingContext, SparseRouting, routing_by_rule
from reference_impls.designs.task_id_routing.config import TaskIdConfig


class TaskIdRouter(Router):
    """The label of its sequence is a token's route; see README.md."""

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to the expert of its sequence's domain."""
        expert_T1 = (context.need("domain") % self.n_experts)[:, None]
        return routing_by_rule(x_TD, expert_T1, self.n_experts)


def make_layer(config: TaskIdConfig) -> MoELayer:
    """A layer whose experts belong to tasks."""
    return moe_layer(config, TaskIdRouter(config.n_experts))


DESIGN = Design(make_layer)
