r"""# Mod-Squad: each task its gate, and experts that tell tasks apart

Z. Chen et al., *Mod-Squad: Designing Mixtures of Experts as Modular Multi-Task Learners*,
[arXiv 2212.08066](https://arxiv.org/abs/2212.08066). Gates and loss stand on the authors' code (repository
UMass-Foundation-Model/Mod-Squad, `parallel_linear/parallel_experts/moe.py`, class `TaskMoE`) and on survey A.

## The design

Several tasks share experts, and each task $t$ has a gate of its own. The gate is noisy in training; how noisy, it
learns:

$$p(x, t) = \mathrm{softmax}\big(W_t x + \epsilon \odot (\mathrm{softplus}(W'_t x) + 0.01)\big), \qquad
\epsilon \sim \mathcal{N}(0, 1)^N$$

$$y = \sum_{i \in \mathrm{Top}_K(p(x, t))} p_i(x, t)\, E_i(x), \qquad E_i(x) = W^{(i)}_{\mathrm{down}}
\big(\mathrm{silu}(W^{(i)}_{\mathrm{gate}} x) \odot W^{(i)}_{\mathrm{up}} x\big)$$

An even load would press tasks that hinder each other into one expert. Training raises the mutual information of
task and expert instead: a task should settle on few experts, an expert should serve few tasks, and all be used.

$$\mathcal{L}_{\mathrm{MI}} = -\alpha \sum_{t} \sum_{i=1}^{N} P(t, i) \log \frac{P(t, i)}{P(t)\, P(i)}, \qquad
P(t, i) = \frac{1}{T} \sum_{x \text{ of task } t} p_i(x, t)$$

| symbol | meaning | here |
|---|---|---|
| $x$, $t$ | a token's vector after the layer's norm, and its task | `x_TD`, `domain` |
| $W_t$, $W'_t$ | gate of task $t$ and its noise | `router.weight_LED`, `router.noise_LED` |
| $N$, $K$ | experts, and experts of one token | `n_experts`, `experts_per_token` |
| $T$ | tokens of the batch, padding excluded | |
| $P(t)$, $P(i)$ | sums of $P(t, i)$ over experts, over tasks | |
| $\alpha$ | coefficient | `information_coefficient` |

## What the metrics mean

- `aux_task_information`: $\mathcal{L}_{\mathrm{MI}} / \alpha$ in nats, mean over layers; between minus the
  logarithm of the number of tasks (or experts, if they are fewer) and 0; lower is better.
- `information`: the same of what is used, relative to the most that is possible.
- `load_cv`, `max_violation`: spread of the load over experts; nothing presses it to 0 but the entropy of $P(i)$.
- `router_entropy`: of $p$ in nats; $\ln N$ if the gate has no opinion. `dropped_fraction` is always 0.
- `cross_entropy` is in nats per byte; `bits_per_byte` is the same divided by $\ln 2$.

## Which tokens see each other

None: a token's output depends on that token and its task alone. The task must be told (`domain=`).

## Where it deviates

- The paper's tasks are those of computer vision. Here the domain of a text (prose, code, tests, data) or, on the
  clustered task, the cluster of a sequence stands for the task.
- The authors' code draws noise outside training, too; here it is drawn in training alone, so that outputs are
  reproducible. It adds 1e-4 to the probabilities and to those in the loss; not so here.
- $P(t)$ is what the batch has of each task. The code's other losses have no weight by default and are left out, as
  are attention experts and the choice of one network for each task after training.
- Survey A's table gives 0.001 for the coefficient; runs of some hundred steps need more to show its work.
- Gates start at zero, as in the code: at first noise alone chooses. Initial weights of the experts have variance 1
  over the number of inputs, those of their outputs 1 / (2 * layers) of that.

## What it was checked against

No independent implementation of the layer is installed. Outputs and loss against a plain float64 loop, with the noise
drawn alike; the loss against entropies of `scipy.stats`. Then: the loss is $-\ln N$ where each task has an expert of
its own, 0 where all tasks use experts alike, and a task's gate gets no gradient from other tasks' tokens.

## How long, and what to see

A default run reads 491,520 bytes of text, by estimate in under two minutes on two idle cores.

`information` grows as domains settle on experts of their own: the gate is told the domain, so this shows the loss
at work, not a discovery. With `information_coefficient` 0 domains share experts as they like.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.configs.mod_squad import ModSquadConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import label_information_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    Router,
    RoutingContext,
    SparseRouting,
    top_k_routing,
    wide_linear,
)

LEAST_NOISE = 0.01


class ModSquadRouter(Router):
    """Noisy top-k with a gate for each task; see the module's docstring."""

    def __init__(self, config: ModSquadConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        shape = (config.n_tasks, config.n_experts, config.d_model)  # L: tasks, as labels
        self.weight_LED = nn.Parameter(torch.zeros(shape))
        self.noise_LED = nn.Parameter(torch.zeros(shape))

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
    of_all_TLE = wide_linear(x_TD, weight_LED.flatten(0, 1)).view(-1, L, E)
    return of_all_TLE[torch.arange(len(x_TD), device=x_TD.device), task_T]


def make_layer(config: ModSquadConfig) -> MoELayer:
    """A Mod-Squad layer: task gates and SwiGLU experts."""
    return moe_layer(config, ModSquadRouter(config))
