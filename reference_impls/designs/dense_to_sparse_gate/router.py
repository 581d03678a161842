"""The router of Dense-to-sparse gate; the page is README.md."""

import math

import torch
from torch import Tensor

from reference_impls.core.adaptive import masked_routing
from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.noise import gumbel_noise
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, Progress, Routing, RoutingContext, SparseRouting
from reference_impls.designs.dense_to_sparse_gate.config import DTSGateConfig


class DTSGate(LinearRouter[DTSGateConfig]):
    """Gumbel softmax with a falling temperature and a threshold; see README.md."""

    temperature: Tensor

    def __init__(self, config: DTSGateConfig) -> None:
        super().__init__(config)
        self.register_buffer("temperature", torch.tensor(config.temperature_start, dtype=torch.float64))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Weigh the experts, and keep those above the threshold or, outside training, the best."""
        logit_TE = self.logits(x_TD).log_softmax(-1)
        temperature = float(self.temperature)
        noise_TE = gumbel_noise(logit_TE) if self.training else torch.zeros_like(logit_TE)
        weight_TE = ((logit_TE + noise_TE) / temperature).softmax(-1)
        best_T1 = weight_TE.detach().argmax(-1, keepdim=True)
        kept_TE = torch.zeros_like(weight_TE, dtype=torch.bool).scatter(1, best_T1, True)
        if self.training:
            kept_TE |= weight_TE.detach() > self.config.threshold
        balance = load_balancing_loss(weight_TE, best_T1, "per-assignment")
        return masked_routing(
            weight_TE,
            kept_TE,
            probability_TE=weight_TE,
            losses={"load_balance": AuxiliaryLoss(balance, self.config.balance_coefficient)},
            stats={"temperature": temperature},
        )

    def on_step(self, routing: Routing, progress: Progress) -> None:
        """Lower the temperature along half a cosine."""
        start, end = self.config.temperature_start, self.config.temperature_end
        self.temperature.fill_(end + (start - end) * (1 + math.cos(math.pi * progress.fraction)) / 2)


make_layer = routed_by(DTSGate, DTSGateConfig)
DESIGN = Design(make_layer)
