"""The router of Dense mixture of local experts; the page is README.md."""

from typing import Any

from torch import Tensor

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import DenseRouting, LinearRouter, RoutingContext, dense_routing
from reference_impls.designs.dense_softmax_mixture.competition import compete
from reference_impls.designs.dense_softmax_mixture.config import JacobsConfig
from reference_impls.tasks.base import Forward, Task
from reference_impls.tasks.clusters import PointModel


class SoftmaxGate(LinearRouter[JacobsConfig]):
    """All experts for every token, weighted by a softmax; see README.md."""

    def forward(self, x_TD: Tensor, context: RoutingContext) -> DenseRouting:
        """Weigh the experts."""
        return dense_routing(self.logits(x_TD).softmax(-1))


make_layer = routed_by(SoftmaxGate, JacobsConfig)


def run_model(task: Task, batch: Any) -> Forward:
    """Labelled points are scored by the mixture's likelihood, everything else as by default."""
    model, config = task.model, task.config.layer
    competing = isinstance(config, JacobsConfig) and config.competition
    if competing and isinstance(model, PointModel) and isinstance(model.layer, MoELayer):
        return compete(model, batch)
    return task.forward(batch)


DESIGN = Design(make_layer, run_model=run_model)
