"""The router of ReMoE; the page is README.md."""

from typing import Any

import torch
from torch import Tensor, nn

from reference_impls.core.adaptive import masked_routing
from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.losses import masked_balance_loss
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, Progress, Routing, RoutingContext, SparseRouting
from reference_impls.designs.relu_router.config import ReMoEConfig
from reference_impls.tasks.base import Forward, Task


class ReLURouter(LinearRouter[ReMoEConfig]):
    """Weights are rectified logits, kept few by an adaptive penalty; see README.md."""

    penalty: Tensor
    sparsity: Tensor

    def __init__(self, config: ReMoEConfig) -> None:
        super().__init__(config)
        nn.init.normal_(self.weight_ED, std=config.router_scale)
        self.register_buffer("penalty", torch.tensor(config.initial_penalty, dtype=torch.float64))
        self.register_buffer("sparsity", torch.tensor(0.0, dtype=torch.float64))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to the experts of positive logit."""
        config = self.config
        weight_TE = self.logits(x_TD).relu()
        kept_TE = weight_TE.detach() > 0
        if self.training:
            self.sparsity.fill_(1 - float(kept_TE.sum()) / max(kept_TE.numel(), 1))
        counted_TE = kept_TE if config.balance else torch.ones_like(kept_TE)
        sparsity = masked_balance_loss(weight_TE, counted_TE, config.experts_per_token * len(x_TD))
        probability_TE = weight_TE / weight_TE.sum(-1, keepdim=True).clamp(min=torch.finfo(weight_TE.dtype).tiny)
        return masked_routing(
            weight_TE,
            kept_TE,
            probability_TE=probability_TE,
            losses={"sparsity": AuxiliaryLoss(sparsity, float(self.penalty))},
            stats={"penalty": float(self.penalty), "idle_tokens": float((~kept_TE.any(-1)).sum()) / max(len(x_TD), 1)},
        )

    @torch.no_grad()
    def on_step(self, routing: Routing, progress: Progress) -> None:
        """Raise the penalty if too many experts ran, lower it if too few."""
        target = 1 - self.config.experts_per_token / self.n_experts
        self.penalty *= self.config.penalty_growth ** torch.sign(target - self.sparsity)


make_layer = routed_by(ReLURouter, ReMoEConfig)


def run_model(task: Task, batch: Any) -> Forward:
    """As by default; in training all layers are then told the sparsity of all, by which they steer together."""
    done = task.forward(batch)
    routers = [module for module in task.model.modules() if isinstance(module, ReLURouter)]
    if task.model.training and routers:
        mean = torch.stack([router.sparsity for router in routers]).mean()
        for router in routers:
            router.sparsity.copy_(mean)
    return done


DESIGN = Design(make_layer, run_model=run_model)
