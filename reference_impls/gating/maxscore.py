r"""# MaxScore: routing as a flow

B. Dong et al., *Maximum Score Routing For Mixture-of-Experts*, [arXiv 2508.12801](https://arxiv.org/abs/2508.12801).

## The design

Tokens are a source, experts a drain of limited capacity, and an edge from a token to an expert carries at most one
unit at the cost of minus its score. The maximum flow of least cost routes every token to $k$ different experts, fills
no expert beyond its places, and of all such routings has the greatest sum of scores. Nothing is dropped, and no place
is padded.

$$\max_{X}\ \sum_{t,i} X_{ti}\, p_{ti} \quad \text{subject to} \quad
\sum_i X_{ti} = k, \qquad \sum_t X_{ti} \le C = \Big\lceil \frac{kT}{N} \Big\rceil, \qquad X_{ti} \in \{0, 1\}$$

$$p_t = \mathrm{softmax}(W x_t), \qquad
y_t = p_{t e_1} f_{e_1}(x_t) + \tau \sum_{j=2}^{k} p_{t e_j} f_{e_j}(x_t), \qquad
\mathcal{L} = \alpha\, N \sum_i f_i P_i$$

| symbol | meaning | here |
|---|---|---|
| $x_t$ | a token's vector, after the layer's norm | `x_TD` |
| $W$ | router weights | `router.weight_ED` |
| $p_{ti}$ | score of token $t$ for expert $i$ | |
| $X$ | the flow: which token goes to which expert | `balanced_assignment` |
| $N$, $k$ | experts, experts of a token | `n_experts`, `experts_per_token` |
| $T$, $C$ | tokens of a group, places of an expert in it | `routing_group` |
| $e_1, \dots, e_k$ | the token's experts in $X$, best score first | |
| $\tau$ | factor on second weights, falling from `second_weight_start` to 1 | `router.second_factor` |
| $f_i$, $P_i$ | share of tokens whose $e_1$ is $i$; mean score of $i$ | |
| $\alpha$ | coefficient of the balancing loss | `balance_coefficient` |

## What the metrics mean

- `kept_fraction`: assignments that are among the token's own $k$ best; what capacity moved elsewhere is the rest.
- `second_factor`: $\tau$ at this step.
- `aux_load_balance`: the sum in $\mathcal{L}$ without $\alpha$; 1 if first choices are even.
- `load_cv`, `max_violation`: 0 if experts divide the assignments, in validation, too.
- `router_entropy`: of $p_t$, in nats. `dropped_fraction`: always 0.

## Which tokens see each other

All tokens of a group, in both directions, in training and outside: the flow gives a place to whom it is worth most,
and later tokens take part. Like expert choice the design leaks from the future in a language model. The checks
measure it; validation bits per byte are not comparable with those of causal designs. With `task: digits` there is no
future to read. (The authors' code assigns outside training as it does inside.)

## Where it deviates

- *Gap.* The abstract names a SoftTopk operator beside the flow. Searched for its definition: the authors' repository
  (dongbw18/MaxScore; its paper file is stored without text), public pages and code with "SoftTopk" or the paper's
  title. None defines it. In the place of such an operator the published code (`modeling_ours.py`) multiplies the
  second weight by a factor that falls from 4 to 1 over 30,000 steps; that is built, over `second_weight_steps`.
- The published code (`KM.cpp`) first gives each token, in order, its best expert that has room, and then solves an
  assignment problem for the second choices alone. Here the whole flow is solved to its optimum, which the first part
  of that does not promise; of the two experts the better is the first. Their code is for 512 tokens, 16 experts and
  $k = 2$.
- Scores are the softmax itself, not normalised over the chosen, as in the code.
- The code's loss, `mean(mean gates * mean first choices)` times $0.01\,N^2$, is $\mathcal{L}$ with $\alpha = 0.01$.
- Places are rounded up where experts do not divide the assignments.

## What it was checked against

The optimum of the flow by scipy's `linprog` (the programme's corners are whole numbers) and by networkx's
`max_flow_min_cost`; the solver is exact (`core/assignment.py`). A float64 loop with the assignment found by trying
all: outputs and all gradients. The loss against its definition. Then: $k$ different experts each, places kept, the
leak.

## How long, and what to see

A default run takes about two minutes on two cores. `kept_fraction` says how many assignments the places changed: it
rises as the balancing loss evens what tokens want. Compare `load_cv` with `mixtral-top2`: here it is even from the
first step. Set `balance_coefficient` to 0 to let the flow do all the balancing.
"""

import torch
from torch import Tensor

from reference_impls.configs.maxscore import MaxScoreConfig
from reference_impls.core.assignment import balanced_assignment
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    LinearRouter,
    Progress,
    Routing,
    RoutingContext,
    SparseRouting,
    top_k_routing,
)


class MaxScoreRouter(LinearRouter):
    """k experts a token by the flow of greatest score; see the module's docstring."""

    second_factor: Tensor

    def __init__(self, config: MaxScoreConfig) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config
        self.register_buffer("second_factor", torch.tensor(config.second_weight_start))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route all tokens of each group at once."""
        k = self.config.experts_per_token
        probability_TE = self.logits(x_TD).softmax(-1)
        group_T, n_groups = context.groups(self.config.routing_group)
        expert_TK = balanced_assignment(probability_TE, k, group_T, n_groups)
        factor_K = torch.ones(k, device=x_TD.device, dtype=probability_TE.dtype)
        factor_K[1:] = self.second_factor
        balance = load_balancing_loss(probability_TE, expert_TK, "first-choice", group_T, n_groups)
        wanted_TK = probability_TE.topk(k, dim=-1).indices
        kept = (expert_TK[:, :, None] == wanted_TK[:, None, :]).any(-1)
        stats = {
            "kept_fraction": float(kept.sum()) / max(kept.numel(), 1),
            "second_factor": float(self.second_factor),
        }
        return top_k_routing(
            probability_TE.gather(1, expert_TK) * factor_K, expert_TK, self.n_experts, probability_TE=probability_TE,
            losses={"load_balance": AuxiliaryLoss(balance, self.config.balance_coefficient)}, stats=stats,
        )  # fmt: skip

    def on_step(self, routing: Routing, progress: Progress) -> None:
        """Lower the factor of second weights along its line."""
        left = max(0.0, 1 - progress.step / self.config.second_weight_steps)
        self.second_factor.fill_(1 + (self.config.second_weight_start - 1) * left)


def make_layer(config: MaxScoreConfig) -> MoELayer:
    """SwiGLU experts behind a flow."""
    return moe_layer(config, MaxScoreRouter(config))
