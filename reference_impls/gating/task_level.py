r"""# Learned task-level routing: a network that reads the task

Q. Ye, J. Zha, X. Ren, *Eliciting and Understanding Cross-task Skills with Task-level Mixture-of-Experts*,
[arXiv 2205.12701](https://arxiv.org/abs/2205.12701). The details are those of the authors' public code
(INK-USC/CrossTaskMoE: `modules/router_v2.py`, class `LinearLayerSpecificRouter`; `modules/routing_bart_v2.py`;
`cli_heterogenous.py` for the default settings).

## The design

Each task $\tau$ has a vector $e_\tau$. A router of its own in each layer turns it into one logit an expert:

$$\ell = W_2\, \mathrm{GELU}(W_1 e_\tau + b_1) + b_2$$

All tokens of a sequence of the task share the weights $g$ that follow from the logits, and the layer's output is the
weighted sum of its experts:

$$y_t = \sum_{i=1}^{N} g_i\, E_i(x_t)$$

In training, `selection` says how logits become weights. With $\epsilon_i$ drawn from the standard Gumbel
distribution for each sequence and layer,

$$\text{softmax: } g = \mathrm{softmax}(\ell / T), \qquad
\text{gumbel\_softmax: } g = \mathrm{softmax}\big((\ell + \epsilon) / T\big),$$

and `gumbel_softmax_st` gives the expert of the largest $\ell_i + \epsilon_i$ the weight one and all others zero, but
lets the gradient pass as if the weights were those of `gumbel_softmax` (straight-through). Outside training these
two take the expert of the largest $\ell_i$, and only this one is computed.

The temperature falls by the same factor at each step, $f$ being the share of the steps that is done:

$$T = T_{\mathrm{first}} \left(T_{\mathrm{last}} / T_{\mathrm{first}}\right)^{f}$$

| symbol | meaning | here |
|---|---|---|
| $\tau$ | task of the sequence | the `domain` that the layer is told |
| $e_\tau$ | its vector, learnt, of width `d_task` | `router.task_vector` |
| $W_1, b_1$ | first map of the router, to width `d_router` | `router.hidden` |
| $W_2, b_2$ | second map of the router | `router.out` |
| $N$ | experts | `n_experts` |
| $T$ | temperature, in the state of the model | `router.temperature` |
| $T_{\mathrm{first}}, T_{\mathrm{last}}$ | its ends | `first_temperature`, `last_temperature` |

## What the metrics mean

- `cross_entropy`: nats per byte of text; `bits_per_byte` is the same divided by $\ln 2$. There is no auxiliary loss.
- `temperature`: $T$ above.
- `load_cv`, `max_violation`: spread of the load; nothing balances it, and tasks may agree on an expert.
- `router_entropy`: of $\mathrm{softmax}(\ell)$, in nats, without temperature or noise.
- `information`: mutual information of expert and domain. It cannot exceed what the tasks share out among experts.
- `dropped_fraction`: always 0.

## Which tokens see each other

None. The route depends on the task alone, which is given. For serving, the routes of all tasks can be computed once
and the experts that no task uses left out.

## Where it deviates

- Experts are feed-forward networks; the paper's are whole layers of BART, which start as copies of the pre-trained
  ones with noise. Here all start at random.
- The paper's task vectors come from texts, or from fine-tuned models, and one vector serves all layers. Here each
  layer's router learns its own from random numbers, so that a layer is complete in itself.
- Outside training the authors' code still draws Gumbel noise (with the last temperature) before it takes the best
  expert; this page's takes the best without noise, so that two evaluations agree.
- The code's temperature falls by a fixed rate a step, for runs of 100,000; here by the share of the run done. Both
  ends are the code's.
- The exploration and the two-stage training of the code, and its recurrent and Transformer routers, are left out.
- Task is stood in for by the domain of the text, or by the cluster.

## What it was checked against

A plain float64 loop over sequences: outputs in and outside training for all three selections, the noise drawn as the
router draws it, and the gradient of the logits, that of the straight-through choice written out. Properties: one
expert a sequence under `st`, weights that add up to one, equal routes for equal tasks outside training, the ends
of the temperature's course. No independent library routes this way.

## How long, and what to see

In training every expert sees every token, whatever the selection: a default run takes longer than one of
`mixtral-top2`, and longer than its own estimate, which counts one expert. On the clustered task different clusters
get different experts, though seldom all of them: two that met in one expert early have little reason to part. On
text, watch the load: with `softmax` a domain may keep mixing several experts, with `gumbel_softmax_st` each ends with
one. `first_temperature` decides how long the choice stays open.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.configs.task_level import TaskLevelConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import (
    Progress,
    Router,
    Routing,
    RoutingContext,
    dense_routing,
    top_k_routing,
    wide_linear,
)


class TaskLevelRouter(Router):
    """Routes by a learned vector of the task; see the module's docstring."""

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
        hidden_GH = F.gelu(wide_linear(self.task_vector[task_G], self.hidden.weight, self.hidden.bias))
        return wide_linear(hidden_GH, self.out.weight, self.out.bias)

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


def make_layer(config: TaskLevelConfig) -> MoELayer:
    """A layer routed by task: router and SwiGLU experts."""
    return moe_layer(config, TaskLevelRouter(config))
