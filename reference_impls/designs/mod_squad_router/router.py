"""The router of Mod-Squad; the page is README.md."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.losses import label_information_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    Router,
    RoutingContext,
    SparseRouting,
    float32_linear,
    top_k_routing,
)
from reference_impls.designs.mod_squad_router.config import ModSquadConfig

LEAST_NOISE = 0.01


class ModSquadRouter(Router):
    """Noisy top-k with a gate for each task; see README.md."""

    def __init__(self, config: ModSquadConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        shape = (config.n_tasks, config.n_experts, config.d_model)  # L: tasks, as labels
        self.weight_LED = nn.Parameter(torch.zeros(shape))
        self.noise_LED = nn.Parameter(torch.zeros(shape))

    def idle_parameters(self) -> int:
        """A token meets the gate of its own task."""
        return self.weight_LED[1:].numel() + self.noise_LED[1:].numel()

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to the k experts that its task's gate finds most probable."""
        task_T = context.need("domain", below=self.config.n_tasks)
        logit_TE = _of_own_task(x_TD, self.weight_LED, task_T)
        if self.training:
            deviation_TE = F.softplus(_of_own_task(x_TD, self.noise_LED, task_T)) + LEAST_NOISE
            logit_TE = logit_TE + torch.randn_like(logit_TE) * deviation_TE
        probability_TE = logit_TE.softmax(-1)
        weight_TK, expert_TK = probability_TE.topk(self.config.experts_per_token, dim=-1)
        information = label_information_loss(probability_TE, task_T, self.config.n_tasks)
        losses = {"task_information": AuxiliaryLoss(information, self.config.information_coefficient)}
        return top_k_routing(weight_TK, expert_TK, self.n_experts, probability_TE=probability_TE, losses=losses)


def _of_own_task(x_TD: Tensor, weight_LED: Tensor, task_T: Tensor) -> Tensor:
    """Each token times the matrix of its task, [T, E]."""
    L, E, _ = weight_LED.shape
    of_all_TLE = float32_linear(x_TD, weight_LED.flatten(0, 1)).view(-1, L, E)
    return of_all_TLE[torch.arange(len(x_TD), device=x_TD.device), task_T]


make_layer = routed_by(ModSquadRouter, ModSquadConfig)
DESIGN = Design(make_layer)
