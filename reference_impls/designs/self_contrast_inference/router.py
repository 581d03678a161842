"""The router of Self-contrast (SCMoE); the page is README.md."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.routing import AuxiliaryLoss, RoutingContext, SparseRouting, as_float32, top_k_routing
from reference_impls.designs.mixtral_top2_router.router import MixtralTop2Router
from reference_impls.designs.self_contrast_inference.config import ScmoeConfig
from reference_impls.tasks.base import Forward, Task


class ScmoeRouter(MixtralTop2Router):
    """Mixtral's routing, or while `weak` the expert of one rank; see README.md."""

    config: ScmoeConfig
    weak = False

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k best experts, or to the one of the weak run."""
        if not self.weak:
            return super().forward(x_TD, context)
        logit_TE = self.logits(x_TD)
        expert_T1 = logit_TE.topk(self.config.weak_rank, dim=-1).indices[:, -1:]
        weight_T1 = torch.ones_like(expert_T1, dtype=logit_TE.dtype)
        return top_k_routing(weight_T1, expert_T1, self.n_experts, probability_TE=logit_TE.softmax(-1))


make_layer = routed_by(ScmoeRouter, ScmoeConfig)


@contextmanager
def weakened(model: nn.Module) -> Iterator[None]:
    """Within, all routers of the model choose weakly."""
    routers = [module for module in model.modules() if isinstance(module, ScmoeRouter)]
    for router in routers:
        router.weak = True
    try:
        yield
    finally:
        for router in routers:
            router.weak = False


def run_model(task: Task, batch: Any) -> Forward:
    """In training the model as it is, otherwise the contrast of its two runs."""
    config = task.config.layer
    assert isinstance(config, ScmoeConfig)
    strong = task.forward(batch)
    if task.model.training:
        return strong
    with weakened(task.model):
        weak = task.forward(batch).output
    losses = {
        "strong_run": AuxiliaryLoss(task.score(batch, strong.output)[0], 0.0),
        "weak_run": AuxiliaryLoss(task.score(batch, weak)[0], 0.0),
    }
    return Forward(self_contrast(strong.output, weak, config.contrast, config.plausible), strong.infos, losses)


def self_contrast(strong: Tensor, weak: Tensor, contrast: float, plausible: float) -> Tensor:
    """Log-probabilities [..., C] of the contrast of two predictions, given their logits."""
    strong, weak = as_float32(strong), as_float32(weak)
    log_p = strong.log_softmax(-1)
    kept = strong >= strong.max(-1, keepdim=True).values + torch.tensor(plausible, dtype=strong.dtype).log()
    contrasted = ((1 + contrast) * strong - contrast * weak).masked_fill(~kept, -torch.inf)
    mass = log_p.masked_fill(~kept, -torch.inf).logsumexp(-1, keepdim=True)
    return torch.where(kept, mass + contrasted.log_softmax(-1), log_p)


DESIGN = Design(make_layer, run_model=run_model)
