r"""# MMoE: shared experts, a gate for each task

J. Ma, Z. Zhao, X. Yi, J. Chen, L. Hong, E. H. Chi, *Modeling Task Relationships in Multi-task Learning with Multi-gate
Mixture-of-Experts*, KDD 2018; described in section 6 of the survey of
[Cai et al., arXiv 2407.06204](https://arxiv.org/abs/2407.06204).

## The design

Several tasks are learnt from the same inputs. One network below all of them must serve tasks that may want opposite
things; a network for each shares nothing. Here the experts are shared by all, every input passes through every expert,
and each task has a gate that weights their outputs for it:

$$g^k(x) = \mathrm{softmax}(W_k\, x), \qquad f^k(x) = \sum_{i=1}^{N} g^k(x)_i\, f_i(x)$$

$$\hat y_k = h^k\big(f^k(x)\big)$$

| symbol | meaning | here |
|---|---|---|
| $x$ | an input | `x_TD` |
| $k$, $K$ | a task, and how many there are | `task` of the sequence, `n_tasks` |
| $W_k$ | the gate of task $k$ | `router.gate_KED` |
| $f_i$, $N$ | expert $i$ with ReLU, and how many there are | `experts`, `n_experts` |
| $h^k$ | the tower of task $k$: a narrow hidden layer, then a number | the task's model |

The layer is told the task of each sequence, and uses its gate. The task (`multitask`) lays every input out once
for each task, so that all towers read the same inputs.

The synthetic data are the paper's: labels $y_k = w_k^\top x + \sum_i \sin(\alpha_i w_k^\top x + \beta_i) + \text{noise}$
of directions $w_k$ whose cosine is the relation of the tasks, `task_correlation`.

## What the metrics mean

- `squared_error`: mean over tasks of the mean squared error on fresh examples, which `loss` equals; `squared_error_1`,
  ... that of each task. The run tells at its start what a constant would reach.
- `accuracy`, `cross_entropy`: on the clustered task instead.
- `router_entropy`: of a gate in nats; $\ln N$ weights all experts alike.
- `load_cv`, `max_violation`: spread over experts of the weights that they got; all experts always run.
- `information`: between task and expert: 0 if all gates agree, more as tasks part.

## Which tokens see each other

None: an example's output depends on itself and its task.

## Where it deviates

- The paper's synthetic experts are single layers with a bias. Ours have two matrices and none; the last coordinate of
  every input is the constant one, which gives the first matrix and the gates a bias.
- Each input passes through the experts once for every task, with the same result: simple, at $K$ times the cost. A
  serving system would run the experts once.
- The paper does not state $\alpha$ and $\beta$; these are those of the generator that google-research published for it
  ($\alpha_i = i$, $\beta_i = (i-1)^2$). It generalises to pairs of tasks, we to any number of tasks with one common
  cosine. Four sines, not its ten, and 31 coordinates, so that a short run can learn something.
- On the clustered task (not the paper's) a sequence's cluster is its task.

## What it was checked against

The equations in a plain float64 loop; a plain stack of experts and gates (all experts at once, einsum), outputs and
gradients; weights of a gate add up to one; another task's gate does not matter; on two unrelated regressions a short
training beats a dense layer as wide as all experts together, shared by both tasks.

## How long, and what to see

Well under a minute. `task_correlation` from 1 to 0 makes the tasks part: `information` rises. `n_experts = 1` is the shared
bottom that MMoE was made to replace; the errors of the two tasks can be read one beside the other.
"""

import torch
from torch import Tensor, nn

from reference_impls.configs.mmoe import MMoEConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import DenseRouting, Router, RoutingContext, dense_routing, wide_linear


class MultiGateRouter(Router):
    """A softmax gate for each task; see the module's docstring."""

    def __init__(self, config: MMoEConfig) -> None:
        super().__init__(config.n_experts)
        self.gate_KED = nn.Parameter(torch.randn(config.n_tasks, config.n_experts, config.d_model) * 0.02)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> DenseRouting:
        """Weights of all experts by the gate of each token's task."""
        K, E, D = self.gate_KED.shape
        logit_TKE = wide_linear(x_TD, self.gate_KED.view(K * E, D)).view(-1, K, E)
        own_T = torch.arange(len(x_TD), device=x_TD.device), context.need("task", below=K)
        return dense_routing(logit_TKE[own_T].softmax(-1))


def make_layer(config: MMoEConfig) -> MoELayer:
    """An MMoE layer: a gate for each task and ReLU experts."""
    return moe_layer(config, MultiGateRouter(config))
