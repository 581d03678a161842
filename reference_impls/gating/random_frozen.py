r"""# Frozen random router

T. Chen, Z. Zhang, A. Jaiswal, S. Liu, Z. Wang, *Sparse MoE as the New Dropout: Scaling Dense and Self-Slimmable
Transformers*, [arXiv 2303.01610](https://arxiv.org/abs/2303.01610). Frozen and learned routers are compared in
*Towards an empirical understanding of MoE design choices*, [arXiv 2402.13089](https://arxiv.org/abs/2402.13089).

## The design

A top-k router whose weights are drawn once and never trained. It still sorts the tokens: which experts a token gets
is a fixed function of its vector, so that near vectors share experts. The experts learn; the router does not.

$$\mathcal{T}(x) = \mathrm{Top}_k(W_0 x), \qquad g(x) = \mathrm{softmax}\big((W_0 x)_i,\ i \in \mathcal{T}(x)\big),
\qquad y = \sum_{i \in \mathcal{T}(x)} g_i(x)\, f_i(x)$$

In SMoE-Dropout the number of experts rises during training,

$$k(s) = k_0 + \mathrm{round}\Big((k_1 - k_0)\,\frac{s}{S}\Big)$$

which trains each expert to work with few others and, later, with many.

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector, after the layer's norm | `x_TD` |
| $W_0$ | frozen random weights, uniform in $\pm 1/\sqrt{d}$ ($d$: width of $x$) | `router.frozen_ED`, a buffer |
| $k_0$ | experts a token at the start | `first_experts_per_token` (0: as $k_1$) |
| $k_1$ | experts a token at the end, and outside training | `experts_per_token` |
| $s$, $S$ | steps done, and all | `Progress` |

Softmax over the chosen logits and the linear rise are read off the authors' public code (`custom_gate.py`,
`CustomNaiveGate`; `new_utils.py`, `calculate_gate_number` with `linear_increase`); the initial weights are those of
the `nn.Linear` there.

## What the metrics mean

- `experts_per_token`: $k$ at this step.
- `router_entropy`: of the softmax over all experts; it moves only because the tokens' vectors do.
- `load_cv`, `max_violation`: what imbalance a random router happens to have; nothing evens it.
- `dropped_fraction`: always 0.

## Which tokens see each other

None: a token's experts depend on that token alone.

## Where it deviates

- By default $k$ stays the same, so that the design can be the control of learned routers: same experts, same
  active width, no learning of the routes. Set `first_experts_per_token` to 1 and `experts_per_token` to `n_experts`
  for the paper's schedule.
- The paper's models are larger and mostly pre-trained; the authors' code has further schedules (cosine, steps).
- No balancing loss, as in the paper.

## What it was checked against

`MixtralSparseMoeBlock` of transformers with the same router weights: outputs, and the gradients of tokens and
experts. A float64 loop from the equations. Then: training steps leave the router's weights as they were; the number
of experts follows the schedule.

## How long, and what to see

A default run takes one to two minutes on two cores. It learns: experts adapt to whatever routes they are given. What a
learned router adds is its difference to this one, not its difference to a dense layer. On the clustered task it beats the dense layer although it never learns where the clusters
are: random directions separate them partly (`information`).
"""

import torch
from torch import Tensor

from reference_impls.configs.random_frozen import RandomFrozenConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import (
    Progress,
    Router,
    Routing,
    RoutingContext,
    SparseRouting,
    top_k_routing,
    wide_linear,
)


class RandomFrozenRouter(Router):
    """Top-k by weights that are drawn once; see the module's docstring."""

    frozen_ED: Tensor
    k_now: Tensor

    def __init__(self, config: RandomFrozenConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        bound = config.d_model**-0.5
        self.register_buffer("frozen_ED", torch.empty(config.n_experts, config.d_model).uniform_(-bound, bound))
        first = config.first_experts_per_token or config.experts_per_token
        self.register_buffer("k_now", torch.tensor(first))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to the k experts of largest random logit."""
        k = int(self.k_now) if self.training else self.config.experts_per_token
        logit_TE = wide_linear(x_TD, self.frozen_ED)
        top_TK, expert_TK = logit_TE.topk(k, dim=-1)
        return top_k_routing(
            top_TK.softmax(-1), expert_TK, self.n_experts, probability_TE=logit_TE.softmax(-1),
            stats={"experts_per_token": float(k)},
        )  # fmt: skip

    def on_step(self, routing: Routing, progress: Progress) -> None:
        """Move k along its line."""
        last = self.config.experts_per_token
        first = self.config.first_experts_per_token or last
        self.k_now.fill_(first + round((last - first) * progress.fraction))


def make_layer(config: RandomFrozenConfig) -> MoELayer:
    """SwiGLU experts behind a frozen router."""
    return moe_layer(config, RandomFrozenRouter(config))
