"""The router of THOR; the page is README.md."""

import math
from typing import Any

import torch
from torch import Tensor

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.routing import AuxiliaryLoss, Router, RoutingContext, SparseRouting, as_float32
from reference_impls.designs.thor_random.config import DrawUnit, ThorConfig
from reference_impls.tasks.base import Forward, Task


class ThorRouter(Router):
    """Draws experts; see README.md."""

    def __init__(self, config: ThorConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Send each token to the expert that its unit has drawn."""
        unit_T, n_units = _units(context, self.config.draw_train if self.training else self.config.draw_eval)
        drawn_U = torch.randint(self.n_experts, (n_units,), device=x_TD.device)
        expert_T, T = drawn_U[unit_T], len(x_TD)
        one = as_float32(x_TD.new_ones(()))
        return SparseRouting(
            token_A=torch.arange(T, device=x_TD.device),
            expert_A=expert_T,
            weight_A=one.expand(T),
            load_E=torch.bincount(expert_T, minlength=self.n_experts),
            entropy=one * math.log(self.n_experts),
            n_tokens=T,
        )


def _units(context: RoutingContext, kind: DrawUnit) -> tuple[Tensor, int]:
    """Which draw is each token's, and how many draws there are."""
    if kind == "token":
        T = len(context.sequence_T)
        return torch.arange(T, device=context.sequence_T.device), T
    return context.groups(kind)


make_layer = routed_by(ThorRouter, ThorConfig)


def run_model(task: Task, batch: Any) -> Forward:
    """In training two passes with draws of their own, and how far they disagree; otherwise one."""
    config = task.config.layer
    assert isinstance(config, ThorConfig)
    first = task.forward(batch)
    if not task.model.training:
        return first
    second = task.forward(batch)
    second_loss, _ = task.score(batch, second.output)
    losses = {
        "second_pass": AuxiliaryLoss(second_loss, 1.0),
        "consistency": AuxiliaryLoss(disagreement(first.output, second.output), config.consistency_coefficient),
    }
    return Forward(first.output, first.infos, losses)


def disagreement(first: Tensor, second: Tensor) -> Tensor:
    """Symmetric Kullback-Leibler divergence of two predictions, mean over positions, from logits [..., C]."""
    log_p, log_q = as_float32(first).log_softmax(-1), as_float32(second).log_softmax(-1)
    return ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(-1).mean() / 2


DESIGN = Design(make_layer, run_model=run_model)
