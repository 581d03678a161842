r"""# S-BASE: assignment by optimal transport

A. Clark et al., *Unified Scaling Laws for Routed Language Models*,
[arXiv 2202.01169](https://arxiv.org/abs/2202.01169), a variant of BASE,
[arXiv 2103.16716](https://arxiv.org/abs/2103.16716).

## The design

BASE's assignment problem is relaxed: a token's mass may be split among experts, and the entropy of the plan is
rewarded. The relaxed problem has one solution, which a few scalings of rows and columns find on any accelerator.

$$\max_{\Pi \ge 0}\ \sum_{t,i} \Pi_{ti} L_{ti} + \varepsilon H(\Pi) \quad \text{subject to} \quad
\sum_i \Pi_{ti} = \frac{1}{T}, \qquad \sum_t \Pi_{ti} = \frac{1}{N}$$

Its solution has the form $\Pi_{ti} = u_t\, e^{L_{ti}/\varepsilon}\, v_i$; Sinkhorn's steps set $u$ and $v$ in turn so
that rows, then columns, have the right sums. In training the token goes to one expert, the one with the largest entry
of its row; outside, to the one with the largest logit:

$$a_t = \arg\max_i \Pi_{ti} \ \text{(training)}, \qquad a_t = \arg\max_i L_{ti} \ \text{(outside)}, \qquad
y_t = \sigma(L_{t a_t})\, f_{a_t}(x_t)$$

| symbol | meaning | here |
|---|---|---|
| $x_t$ | a token's vector, after the layer's norm | `x_TD` |
| $L_{ti}$ | logit, $x_t^\top w_i$; the weight takes the raw logit, so that gradients reach $w$ | `router.weight_ED` |
| $\Pi$ | transport plan, without gradient; scaled to rows of 1 in the code | `sinkhorn_plan` |
| $\varepsilon$ | weight of the entropy $H$ | `epsilon` |
| $T$ | tokens of a group, padding excluded | `routing_group` |
| $N$ | experts | `n_experts` |
| $\sigma$ | sigmoid | |

## What the metrics mean

- `best_expert_fraction`: tokens that got the expert of their largest logit. 1 outside training.
- `plan_violation`: the largest relative difference between what an expert gets of the plan and its equal share; how
  far from converged the steps are.
- `load_cv`, `max_violation`: of whole tokens. In training not 0: the plan is even, picking the largest entry of each
  row is not.
- `router_entropy`: of a softmax over logits. `dropped_fraction`: always 0.

## Which tokens see each other

In training all tokens of a group, in both directions, through the plan: the training loss of a language model has a
leak. Outside training tokens choose by themselves, and the layer, and with it validation, is causal. The checks show
both.

## Where it deviates

- What survey A (4.1.1) and the review of sparse experts (its section 4.2) say is that BASE's problem is solved as
  optimal transport. The rest (largest entry of the row, sigmoid of the raw logit, plain choice outside training,
  $\varepsilon = 1$) is read off Megatron-LM's Sinkhorn routing (`moe_utils.py`, `sinkhorn`; `router.py`,
  `sinkhorn_load_balancing`). The paper's own text was not at hand: its $\varepsilon$ and number of steps may differ.
- Megatron-LM scales until a tolerance is met, with plain exponentials; here a fixed number of steps in logarithms, as
  exponentials overflow for large logits.
- Groups are sequences (or the batch); experts in all layers.

## What it was checked against

POT's `ot.sinkhorn` (the converged plan, in float64, for several $\varepsilon$); for small $\varepsilon$ scipy's
`linear_sum_assignment`, whose optimum the plan approaches from below. A float64 loop with plain scalings from the
equations: outputs and all gradients. Then: equal loads of the plan, causality outside training, the leak inside.

## How long, and what to see

A default run takes one to two minutes on two cores. Lower `epsilon` and the plan's rows become sharper, the loads of
whole tokens more even, and `plan_violation` larger unless `sinkhorn_steps` grows, too. Compare `load_cv` in training
with validation (what the router does by itself), and both with `base`, whose load in training is exactly even.
"""

from dataclasses import replace

from torch import Tensor

from reference_impls.configs.s_base import SBaseConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import LinearRouter, RoutingContext, SparseRouting
from reference_impls.core.sigmoid_top1 import sigmoid_weighted
from reference_impls.core.sinkhorn import sinkhorn_plan


class SBaseRouter(LinearRouter):
    """A transport plan in training, the best expert outside; see the module's docstring."""

    def __init__(self, config: SBaseConfig) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to one expert."""
        config = self.config
        logit_TE = self.logits(x_TD)
        best_T = logit_TE.argmax(-1)
        if not self.training:
            return sigmoid_weighted(logit_TE, best_T, best_T)
        group_T, n_groups = context.groups(config.routing_group)
        plan_TE = sinkhorn_plan(logit_TE, group_T, n_groups, epsilon=config.epsilon, steps=config.sinkhorn_steps)
        routing = sigmoid_weighted(logit_TE, plan_TE.argmax(-1), best_T)
        return replace(routing, stats={**routing.stats, "plan_violation": _violation(plan_TE, group_T, n_groups)})


def _violation(plan_TE: Tensor, group_T: Tensor, n_groups: int) -> float:
    """The largest |mass of an expert / equal share - 1| over the groups."""
    E = plan_TE.shape[1]
    mass_GE = plan_TE.new_zeros(n_groups, E).index_add_(0, group_T, plan_TE)
    share_G1 = mass_GE.sum(1, keepdim=True) / E
    return float((mass_GE / share_G1.clamp(min=1 / E) - 1)[share_G1[:, 0] > 0].abs().amax()) if len(plan_TE) else 0.0


def make_layer(config: SBaseConfig) -> MoELayer:
    """SwiGLU experts behind a Sinkhorn router."""
    return moe_layer(config, SBaseRouter(config))
