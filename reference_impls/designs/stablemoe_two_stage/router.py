"""The router of StableMoE; the page is README.md."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.core.build import routed_by
from reference_impls.core.capacity import within_capacity
from reference_impls.core.design import Design
from reference_impls.core.routing import (
    AuxiliaryLoss,
    LinearRouter,
    Progress,
    Routing,
    RoutingContext,
    SparseRouting,
    float32_linear,
    look_up,
    top_k_routing,
)
from reference_impls.designs.stablemoe_two_stage.config import StableMoEConfig


class StableMoERouter(LinearRouter[StableMoEConfig]):
    """A learned gate, and one distilled from it that takes over; see README.md."""

    second_stage: Tensor

    def __init__(self, config: StableMoEConfig) -> None:
        super().__init__(config)
        self.embedding_WH = nn.Parameter(torch.empty(config.vocabulary, config.routing_width))  # W: words
        self.distilled_EH = nn.Parameter(torch.empty(config.n_experts, config.routing_width))
        nn.init.normal_(self.embedding_WH, std=0.02)
        nn.init.normal_(self.distilled_EH, std=0.02)
        self.register_buffer("second_stage", torch.tensor(config.first_stage == 0))

    def idle_parameters(self) -> int:
        """A token reads one row of the embedding."""
        return self.embedding_WH[1:].numel()

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to one expert, by the learned gate in training's first stage, else by the distilled one."""
        config = self.config
        frozen = bool(self.second_stage)
        logit_TE = self.logits(x_TD)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
            distilled_TE = float32_linear(look_up(self.embedding_WH, context.need("token_id")), self.distilled_EH)
        learned_T = logit_TE.argmax(-1)
        chooser_TE = logit_TE if self.training and not frozen else distilled_TE
        expert_T1 = chooser_TE.argmax(-1, keepdim=True)

        group_T, n_groups = context.groups(config.routing_group)
        routing = top_k_routing(
            logit_TE.gather(1, expert_T1).sigmoid(),
            expert_T1,
            self.n_experts,
            probability_TE=chooser_TE.softmax(-1),
            losses=self._losses(logit_TE, distilled_TE, learned_T, frozen),
            stats={
                "second_stage": float(frozen),
                "agreement": float((learned_T == distilled_TE.argmax(-1)).sum()) / max(len(x_TD), 1),
            },
        )
        return within_capacity(routing, group_T, n_groups, config.capacity_factor(self.training))

    @torch.no_grad()
    def on_step(self, routing: Routing, progress: Progress) -> None:
        """Freeze the distilled gate once the first stage is over."""
        self.second_stage |= progress.fraction >= self.config.first_stage

    def _losses(
        self, logit_TE: Tensor, distilled_TE: Tensor, learned_T: Tensor, frozen: bool
    ) -> dict[str, AuxiliaryLoss]:
        """Both losses of stage one; in stage two they are measured, without weight and gradient."""
        T = max(len(learned_T), 1)
        values = (balance_loss(logit_TE, learned_T), F.cross_entropy(distilled_TE, learned_T, reduction="sum") / T)
        coefficients = (self.config.balance_coefficient, self.config.distillation_coefficient)
        if frozen:
            values, coefficients = (values[0].detach(), values[1].detach()), (0.0, 0.0)
        names = ("load_balance", "distillation")
        return {n: AuxiliaryLoss(v, c) for n, v, c in zip(names, values, coefficients, strict=True)}


def balance_loss(logit_TE: Tensor, expert_T: Tensor) -> Tensor:
    """Mean over tokens of the sigmoid of the chosen logit, times by how much the expert exceeds the mean load.

    0 under perfect balance and of no tokens; the gradient flows through the sigmoids.
    """
    T, E = logit_TE.shape
    load_E = torch.bincount(expert_T, minlength=E).to(logit_TE.dtype)
    excess_E = load_E * E / max(T, 1) - 1
    score_T = logit_TE.gather(1, expert_T[:, None])[:, 0].sigmoid()
    return (excess_E[expert_T] * score_T).sum() / max(T, 1)


make_layer = routed_by(StableMoERouter, StableMoEConfig)
DESIGN = Design(make_layer)
