r"""# X-MoE: routing by angle in a few dimensions

Z. Chi et al., *On the Representation Collapse of Sparse Mixture of Experts*,
[arXiv 2204.09179](https://arxiv.org/abs/2204.09179), sections 3.1, 3.2 and 4.1 (equations 6 to 9), read in a public
text conversion of the paper.

## The design

Where a router compares token and expert by their product, its gradient pulls tokens towards the vectors of the
experts they go to, and thus all tokens towards a space of as few dimensions as there are experts. X-MoE keeps the
router's pull away from the token: a projection to $d_e$ dimensions comes in between, and only angles count, so that
no expert wins by the length of its vector:

$$s_i(x) = \frac{(W x) \cdot e_i}{\lVert W x \rVert\, \lVert e_i \rVert}, \qquad i^* = \arg\max_i s_i(x), \qquad
y = g_{i^*}(x)\; E_{i^*}(x)$$

$$g_i(x) = \frac{\exp(s_i / \tau)}{\sum_j \exp(s_j / \tau)} \ \ \text{(softmax gate)} \qquad\text{or}\qquad
g_i(x) = \frac{1}{1 + \exp(-s_i / \tau)} \ \ \text{(sigmoid gate)}$$

Scores lie between $-1$ and $1$, too close together for a decided gate; the learned temperature $\tau$ spreads them.
The loss towards an even load has a temperature $\tau_0$ of its own that stays fixed:

$$\mathcal{L}_{\mathrm{balance}} = \alpha\, \frac{N}{T} \sum_{i=1}^{N} t_i \sum_x
\frac{\exp(s_i(x) / \tau_0)}{\sum_j \exp(s_j(x) / \tau_0)}$$

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector, after the layer's norm | `x_TD` |
| $W$, $e_i$ | projection; vector of expert $i$ | `router.project_RD`, `router.expert_ER` |
| $d_e$ | dimensions of both | `d_router` |
| $\tau$ | learned temperature, kept above 0.0001 | `router.temperature`, `initial_temperature` |
| $\tau_0$ | temperature of the loss | `balance_temperature` |
| $N$, $T$ | experts; tokens of a routing group, padding excluded | `n_experts` |
| $t_i$ | share of tokens that chose expert $i$, before capacity; no gradient | |
| $\alpha$ | coefficient of the balancing loss | `balance_coefficient` |

Each expert has $\lceil c\, T / N \rceil$ places in a group, given in the order of the sequence
(`capacity_factor_train`, `capacity_factor_eval`).

## What the metrics mean

- `aux_load_balance`: $\mathcal{L}_{\mathrm{balance}} / \alpha$, mean over layers; 1 is perfect balance. It cannot reach
  $N$, because the scores are bounded.
- `temperature`: $\tau$, mean over layers. The lower, the more decided the softmax gate.
- `load_cv`, `max_violation`: spread of the load over experts, counted before capacity; 0 is perfect balance.
- `dropped_fraction`: share of tokens refused by a full expert.
- `router_entropy`: of the softmax of $s / \tau$, with either gate, in nats; $\ln N$ if the router has no opinion.

## Which tokens see each other

As in `switch-top1`: a token can lose its place only to tokens before it in its group, so with groups of one sequence
the layer is causal.

## Where it deviates

- The paper states $\tau_0$ (0.3 with the softmax gate, 0.07 with the sigmoid gate), not where $\tau$ starts; here it
  starts at $\tau_0$'s default. The lower limit of $\tau$ is that of the authors' public code (TorchScale,
  `xmoe/routing.py`), where the temperature however is no longer used.
- That code also leaves the token's side unnormalised and scales $e_i$ to length 1.5 at every step; here the
  equations are followed instead.
- The paper builds on Switch without stating a capacity; here it is Switch's. The group is a sequence (or the batch).
- Experts are single ReLU feed-forwards without biases, in every layer; the paper has one sparse layer of three
  sub-layers. A decoder-only byte-level model stands in for a masked language model.
- Routers and experts are frozen in the paper's fine-tuning; there is none here.

## What it was checked against

Outputs, demand, drops and loss against float64 loops over tokens, with both gates and with and without overflow;
scores that do not change with the length of the token's or the experts' vectors; the range of the balancing loss.
No independent implementation of the equations was at hand: TorchScale's gate computes something else (above).

## How long, and what to see

A default run takes less than two minutes on two cores. The temperature should fall from where it starts, most in
the layers that specialise. `d_router` 1 leaves two directions for all experts and should cost quality; beyond half
the number of experts more dimensions should gain little.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.configs.x_moe import XMoEConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.capacity import within_capacity
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    Router,
    RoutingContext,
    SparseRouting,
    top_k_routing,
    wide_linear,
)

LEAST_TEMPERATURE = 1e-4


class XMoERouter(Router):
    """Top-1 by cosine in a few dimensions, with a learned temperature; see the module's docstring."""

    def __init__(self, config: XMoEConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        self.project_RD = nn.Parameter(torch.randn(config.d_router, config.d_model) * config.d_model**-0.5)
        self.expert_ER = nn.Parameter(torch.randn(config.n_experts, config.d_router))
        self.temperature = nn.Parameter(torch.tensor(config.initial_temperature))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to the expert at the smallest angle, while it has room."""
        config = self.config
        score_TE = self.scores(x_TD)
        temperature = self.temperature.to(score_TE.dtype).clamp(min=LEAST_TEMPERATURE)
        scaled_TE = score_TE / temperature
        expert_T1 = score_TE.argmax(-1, keepdim=True)
        gate_TE = scaled_TE.softmax(-1) if config.gate == "softmax" else scaled_TE.sigmoid()

        group_T, n_groups = context.groups(config.routing_group)

        even_TE = (score_TE / config.balance_temperature).softmax(-1)
        balance = load_balancing_loss(even_TE, expert_T1, "per-token", group_T, n_groups)
        routing = top_k_routing(
            gate_TE.gather(1, expert_T1), expert_T1, self.n_experts, probability_TE=scaled_TE.softmax(-1),
            losses={"load_balance": AuxiliaryLoss(balance, config.balance_coefficient)},
            stats={"temperature": float(temperature.detach())},
        )  # fmt: skip
        return within_capacity(routing, group_T, n_groups, config.capacity_factor(self.training))

    def scores(self, x_TD: Tensor) -> Tensor:
        """Cosine of the projected token and each expert's vector, [T, E]; 0 of a zero vector."""
        projected_TR = wide_linear(x_TD, self.project_RD)
        expert_ER = F.normalize(self.expert_ER.to(projected_TR.dtype), dim=-1)
        return wide_linear(F.normalize(projected_TR, dim=-1), expert_ER)


def make_layer(config: XMoEConfig) -> MoELayer:
    """An X-MoE layer: router and ReLU experts."""
    return moe_layer(config, XMoERouter(config))
