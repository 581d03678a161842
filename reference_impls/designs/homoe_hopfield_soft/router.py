"""The router of HOMOE; the page is README.md."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from reference_impls.core.build import routed_by
from reference_impls.core.combine import combine
from reference_impls.core.design import Design
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import Routing, RoutingContext, SoftRouting, entropy, float32_linear
from reference_impls.designs.homoe_hopfield_soft.config import HOMOEConfig
from reference_impls.designs.soft_moe_slots.router import SlotRouter


class MemoryRouter(SlotRouter):
    """Routes tokens joined with what a memory retrieves for them; see README.md."""

    def __init__(self, config: HOMOEConfig) -> None:
        super().__init__(config.n_experts, config.slots_per_expert, config.d_model, config.initial_scale)
        self.memory_PD = nn.Parameter(torch.randn(config.n_prototypes, config.d_model))
        self.beta = config.inverse_temperature * config.d_model**-0.5

    def retrieve(self, x_TD: Tensor) -> tuple[Tensor, Tensor]:
        """What the memory returns for each token [T, D], and the weights of its patterns [T, P]."""
        weight_TP = (self.beta * float32_linear(x_TD, self.memory_PD)).softmax(-1)
        return float32_linear(weight_TP, self.memory_PD.T), weight_TP

    def joined(self, x_TD: Tensor) -> Tensor:
        """Each token with what was retrieved for it, in at least float32."""
        return x_TD + self.retrieve(x_TD)[0]

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SoftRouting:
        """Mix the joined tokens of each sequence into slots, and back."""
        retrieved_TD, weight_TP = self.retrieve(x_TD)
        routing = super().forward(x_TD + retrieved_TD, context)
        stats = {**routing.stats, "retrieval_entropy": float(entropy(weight_TP))}
        return replace(routing, stats=stats)


class MemoryLayer(MoELayer):
    """Soft MoE whose slots average the joined tokens."""

    router: MemoryRouter

    def path_parameters(self) -> int:
        """The patterns, of which a token's input is mixed."""
        return self.router.memory_PD.numel()

    def combine(self, x_TD: Tensor, routing: Routing) -> Tensor:
        """Outputs of the experts."""
        return combine(self.router.joined(x_TD).to(x_TD.dtype), routing, self.experts)


make_layer = routed_by(MemoryRouter, HOMOEConfig, MemoryLayer)
DESIGN = Design(make_layer)
