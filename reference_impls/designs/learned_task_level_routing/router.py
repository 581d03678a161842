"""The router of Learned task-level routing; the page is README.md."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.routing import (
    Progress,
    Router,
    Routing,
    RoutingContext,
    dense_routing,
    float32_linear,
    top_k_routing,
)
from reference_impls.designs.learned_task_level_routing.config import TaskLevelConfig


class TaskLevelRouter(Router):
    """Routes by a learned vector of the task; see README.md."""

    temperature: Tensor

    def __init__(self, config: TaskLevelConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        self.task_vector = nn.Parameter(torch.randn(config.n_tasks, config.d_task))
        self.hidden = nn.Linear(config.d_task, config.d_router)
        self.out = nn.Linear(config.d_router, config.n_experts)
        self.register_buffer("temperature", torch.tensor(config.first_temperature))

    def logits(self, task_G: Tensor) -> Tensor:
        """One logit an expert for each task, [G, E]."""
        hidden_GH = F.gelu(float32_linear(self.task_vector[task_G], self.hidden.weight, self.hidden.bias))
        return float32_linear(hidden_GH, self.out.weight, self.out.bias)

    def idle_parameters(self) -> int:
        """A token meets the vector of its own task."""
        return self.task_vector[1:].numel()

    def forward(self, x_TD: Tensor, context: RoutingContext) -> Routing:
        """Route the tokens of each sequence by its domain."""
        config, sequence_T = self.config, context.sequence_T
        task_T = context.need("domain", below=config.n_tasks)
        task_G = sequence_T.new_zeros(context.n_sequences).index_copy(0, sequence_T, task_T)
        logit_GE = self.logits(task_G)
        probability_TE = logit_GE.softmax(-1)[sequence_T]
        stats = {"temperature": float(self.temperature)}
        if not self.training and config.selection != "softmax":
            best_T1 = logit_GE.argmax(-1, keepdim=True)[sequence_T]
            weight_T1 = torch.ones_like(best_T1, dtype=logit_GE.dtype)
            return top_k_routing(weight_T1, best_T1, self.n_experts, probability_TE=probability_TE, stats=stats)
        return dense_routing(self._weights(logit_GE)[sequence_T], probability_TE=probability_TE, stats=stats)

    def _weights(self, logit_GE: Tensor) -> Tensor:
        temperature = float(self.temperature)
        if self.config.selection == "softmax":
            return (logit_GE / temperature).softmax(-1)
        return F.gumbel_softmax(logit_GE, tau=temperature, hard=self.config.selection == "gumbel_softmax_st")

    def on_step(self, routing: Routing, progress: Progress) -> None:
        """Lower the temperature."""
        first, last = self.config.first_temperature, self.config.last_temperature
        self.temperature.fill_(first * (last / first) ** progress.fraction)


make_layer = routed_by(TaskLevelRouter, TaskLevelConfig)
DESIGN = Design(make_layer)
