"""The router of M6-T expert prototyping; the page is README.md."""

import torch
from torch import Tensor

from reference_impls.core.build import routed_by
from reference_impls.core.capacity import within_capacity
from reference_impls.core.design import Design
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting, top_k_routing
from reference_impls.designs.expert_prototyping.config import M6TConfig


class PrototypeRouter(LinearRouter[M6TConfig]):
    """Top-1 within each prototype, with capacity; see README.md."""

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to the most probable expert of every prototype, while it has room."""
        config, Z = self.config, self.config.n_prototypes
        size = self.n_experts // Z
        probability_TZF = self.logits(x_TD).view(-1, Z, size).softmax(-1)
        gate_TZ, inner_TZ = probability_TZF.max(-1)
        first_Z = torch.arange(Z, device=x_TD.device) * size

        group_T, n_groups = context.groups(config.routing_group)

        balance_Z = [
            load_balancing_loss(probability_TZF[:, z], inner_TZ[:, z, None], "per-token", group_T, n_groups)
            for z in range(Z)
        ]
        balance = torch.stack(balance_Z).mean()
        routing = top_k_routing(
            gate_TZ, first_Z + inner_TZ, self.n_experts, probability_TE=probability_TZF.flatten(1) / Z,
            losses={"load_balance": AuxiliaryLoss(balance, config.balance_coefficient)},
        )  # fmt: skip
        # A token makes Z choices: an expert's places are a share of the tokens in its own prototype.
        return within_capacity(routing, group_T, n_groups, Z * config.capacity_factor(self.training))


make_layer = routed_by(PrototypeRouter, M6TConfig)
DESIGN = Design(make_layer)
