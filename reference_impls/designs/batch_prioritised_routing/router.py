"""The router of V-MoE with batch prioritised routing; the page is README.md."""

from dataclasses import replace

import torch
from torch import Tensor

from reference_impls.core.build import routed_by
from reference_impls.core.capacity import within_capacity
from reference_impls.core.design import Design
from reference_impls.core.losses import mean_squared_cv
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting, entropy
from reference_impls.designs.batch_prioritised_routing.config import VMoEConfig


class BatchPrioritisedRouter(LinearRouter[VMoEConfig]):
    """Top-k with a capacity that serves the largest scores first; see README.md."""

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k most probable experts, as far as they have places."""
        config, k = self.config, self.config.experts_per_token
        clean_TE = self.logits(x_TD)
        deviation = config.noise / self.n_experts if self.training else 0.0
        noisy_TE = clean_TE + deviation * torch.randn_like(clean_TE) if deviation else clean_TE
        probability_TE = noisy_TE.softmax(-1)
        weight_TK, expert_TK = probability_TE.topk(k, dim=-1)

        group_T, n_groups = context.groups(config.routing_group)
        # Earlier in the list is earlier served: all first choices, the surest first, then all second ones.
        turn_T = torch.arange(len(x_TD), device=x_TD.device)
        if config.priority == "score":
            turn_T = weight_TK[:, 0].detach().argsort(descending=True, stable=True)
        token_A = turn_T.repeat(k)
        expert_A, weight_A = expert_TK[turn_T].T.flatten(), weight_TK[turn_T].T.flatten()

        importance = mean_squared_cv(clean_TE.softmax(-1), group_T, n_groups)
        load = mean_squared_cv(self._expected(clean_TE, noisy_TE, expert_TK, deviation), group_T, n_groups)
        routing = SparseRouting(
            token_A=token_A,
            expert_A=expert_A,
            weight_A=weight_A,
            load_E=torch.bincount(expert_A, minlength=self.n_experts),
            entropy=entropy(probability_TE),
            n_tokens=len(x_TD),
            losses={
                "importance": AuxiliaryLoss(importance, config.importance_coefficient),
                "load": AuxiliaryLoss(load, config.load_coefficient),
            },
        )
        kept = within_capacity(routing, group_T, n_groups, k * config.capacity_factor(self.training))
        wanted, served = float(weight_A.detach().sum()), float(kept.weight_A.detach().sum())
        return replace(kept, stats={"dropped_weight": 1 - served / wanted if wanted else 0.0})

    def _expected(self, clean_TE: Tensor, noisy_TE: Tensor, expert_TK: Tensor, deviation: float) -> Tensor:
        """Chance of each expert to reach the token's k-th best logit under fresh noise; without noise 1 or 0."""
        if not deviation:
            return torch.zeros_like(clean_TE).scatter(1, expert_TK, 1.0)
        threshold_T1 = noisy_TE.gather(1, expert_TK[:, -1:])
        chance_TE: Tensor = torch.special.ndtr((clean_TE - threshold_T1) / deviation)
        return chance_TE


make_layer = routed_by(BatchPrioritisedRouter, VMoEConfig)
DESIGN = Design(make_layer)
