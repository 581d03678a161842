"""The router of MMoE; the page is README.md."""

import torch
from torch import Tensor, nn

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.routing import DenseRouting, Router, RoutingContext, dense_routing, float32_linear
from reference_impls.designs.multi_gate_mixture.config import MMoEConfig


class MultiGateRouter(Router):
    """A softmax gate for each task; see README.md."""

    def __init__(self, config: MMoEConfig) -> None:
        super().__init__(config.n_experts)
        self.gate_KED = nn.Parameter(torch.randn(config.n_tasks, config.n_experts, config.d_model) * 0.02)

    def idle_parameters(self) -> int:
        """A token meets the gate of its own task."""
        return self.gate_KED[1:].numel()

    def forward(self, x_TD: Tensor, context: RoutingContext) -> DenseRouting:
        """Weights of all experts by the gate of each token's task."""
        K, E, D = self.gate_KED.shape
        logit_TKE = float32_linear(x_TD, self.gate_KED.view(K * E, D)).view(-1, K, E)
        own_T = torch.arange(len(x_TD), device=x_TD.device), context.need("task", below=K)
        return dense_routing(logit_TKE[own_T].softmax(-1))


make_layer = routed_by(MultiGateRouter, MMoEConfig)
DESIGN = Design(make_layer)
