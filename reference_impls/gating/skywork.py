r"""# Skywork-MoE: a sharp gate, and balance as far as drops ask for it

T. Wei et al., *Skywork-MoE: A Deep Dive into Training Techniques for Mixture-of-Experts Language Models*,
[arXiv 2406.06563](https://arxiv.org/abs/2406.06563), sections 4.1 and 4.2 (equations 6 to 9, read in a text
conversion of the paper).

## The design

Gates tend towards even probabilities, and then a token gets the plain mean of its experts. So the logits of each
token are standardised over the experts first; how sharp the softmax is becomes a setting:

$$z = W_g x + b, \qquad \tilde z = \lambda\, \frac{z - \mu(z)}{\sigma(z)}, \qquad g = \mathrm{softmax}(\tilde z)$$

$$y = \sum_{i \in \text{chosen}(x)} \frac{g_i}{\sum_{j \in \text{chosen}(x)} g_j}\, E_i(x), \qquad
\text{chosen}(x) = \mathrm{Top}_K(g), \qquad E_i(x) = W^{(i)}_{\mathrm{down}}
\big(\mathrm{silu}(W^{(i)}_{\mathrm{gate}} x) \odot W^{(i)}_{\mathrm{up}} x\big)$$

Each expert takes at most $C = \lceil c\, T / N \rceil$ assignments. Balance is sought only as far as it is missing:
each layer $l$ has a coefficient of its own, a moving average that follows the share $d$ of assignments it dropped in
step $s$:

$$\mathcal{L} = \mathcal{L}_{\mathrm{task}} + \sum_l \alpha^{(l)}_s\, N \sum_{i=1}^{N} f_i P_i, \qquad
\alpha^{(l)}_{s+1} = \beta\, \alpha^{(l)}_s + (1 - \beta) \min\big(\xi\, d^{(l)}_s,\ \alpha_{\max}\big)$$

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector, after the layer's norm | `x_TD` |
| $W_g$, $b$ | weights and biases of the gate | `router.weight_ED`, `router.router_bias_E` |
| $\mu$, $\sigma$ | mean and standard deviation over the experts | |
| $\lambda$ | scale of the standardised logits; 1 in Skywork-MoE | `logit_scale` |
| $N$, $K$ | experts, and experts of one token | `n_experts`, `experts_per_token` |
| $T$, $c$ | tokens of a routing group, capacity factor | `capacity_factor_train`, `capacity_factor_eval` |
| $f_i$, $P_i$ | share of the assignments before drops (no gradient), mean probability | |
| $\alpha^{(l)}$ | coefficient of a layer, first `balance_coefficient` | `router.coefficient` |
| $\xi$ | sensitivity to drops; 1/5 | `drop_sensitivity` |
| $\alpha_{\max}$ | bound of the coefficient; 0.01 | `largest_coefficient` |
| $\beta$ | weight of the past; 0.99 | `coefficient_memory` |

## What the metrics mean

- `balance_coefficient`: $\alpha^{(l)}$, mean over layers: it falls while little is dropped.
- `sharpness`: largest probability over the second largest (at most a million), mean over tokens; 1 is no opinion.
- `aux_load_balance`: the sum $N \sum f_i P_i$ without $\alpha$; 1 is perfect balance.
- `dropped_fraction`: the $d$ of the interval. `load_cv`, `max_violation`: spread of the load before drops.
- `router_entropy`: of $g$ in nats. Unlike elsewhere it starts below $\ln N$: the deviation of the logits is fixed.
- `cross_entropy` is in nats per byte; `bits_per_byte` is the same divided by $\ln 2$.

## Which tokens see each other

Through capacity alone. Tokens are served in the order of the group, each with all its choices before the next, so a
token can lose an expert only to tokens before it: with `routing_group: sequence` the layer is causal. With
`routing_group: batch` the sequences before it in the batch count, too.

## Where it deviates

- The pages that were read do not say how large the capacity is or how tokens are served: capacities like GShard's
  and the order of the text are this project's choice. Nor do they say outright that a token's weights add up to one;
  section 4.1 has the outputs of an undecided gate as the mean of the chosen experts, which they do only then.
- The paper does not give the coefficient of the first step; here it is $\alpha_{\max}$.
- $\sigma^2$ has 1e-6 added, so that tokens whose logits are all alike have a gradient.
- The balancing loss is that of GShard and Switch over all choices, group by group.
- Initial weights of the experts have variance 1 over the number of inputs, those of their outputs
  1 / (2 * layers) of that; the biases start at 0. Nothing is upcycled from a dense model.

## What it was checked against

No independent implementation is installed. Outputs, drops and loss against a plain float64 loop; the coefficient
over several steps against equations 7 to 9, with drops below and above the bound. Then: the standardised logits
have mean 0 and deviation $\lambda$, and multiplying the gate by a constant changes no probability.

## How long, and what to see

A default run reads 491,520 bytes of text, by estimate in under two minutes on two idle cores.

The coefficient of a layer decays where its drops are rare and is held where they are not; `drop_sensitivity` says
how strictly. `logit_scale` sharpens the gate: `router_entropy` falls and `sharpness` grows with it.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.configs.skywork import SkyworkConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.capacity import within_capacity
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
    wide_linear,
)

SMALLEST_VARIANCE = 1e-6  # keeps the gradient finite where all logits of a token are alike


class SkyworkRouter(LinearRouter):
    """Top-k of a softmax of standardised logits, with capacity; see the module's docstring."""

    coefficient: Tensor

    def __init__(self, config: SkyworkConfig) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config
        self.router_bias_E = nn.Parameter(torch.zeros(config.n_experts))
        self.register_buffer("coefficient", torch.tensor(config.balance_coefficient, dtype=torch.float64))

    def logits(self, x_TD: Tensor) -> Tensor:
        """Standardised logits [T, E]: mean 0 and deviation `logit_scale` over the experts."""
        raw_TE = wide_linear(x_TD, self.weight_ED, self.router_bias_E)
        return self.config.logit_scale * F.layer_norm(raw_TE, (self.n_experts,), eps=SMALLEST_VARIANCE)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k most probable experts while they have room."""
        config = self.config
        probability_TE = self.logits(x_TD).softmax(-1)
        top_TK, expert_TK = probability_TE.topk(config.experts_per_token, dim=-1)
        group_T, n_groups = context.groups(config.routing_group)
        balance = load_balancing_loss(probability_TE, expert_TK, "per-assignment", group_T, n_groups)
        coefficient = float(self.coefficient)
        routing = top_k_routing(
            top_TK / top_TK.sum(-1, keepdim=True), expert_TK, self.n_experts, probability_TE=probability_TE,
            losses={"load_balance": AuxiliaryLoss(balance, coefficient)},
            stats={"balance_coefficient": coefficient, "sharpness": _sharpness(probability_TE)},
        )  # fmt: skip
        return within_capacity(routing, group_T, n_groups, config.capacity_factor(self.training))

    @torch.no_grad()
    def on_step(self, routing: Routing, progress: Progress) -> None:
        """Draw the coefficient towards what the step's drops ask for."""
        config = self.config
        dropped = routing.n_dropped / max(int(routing.demand_E.sum()), 1)
        asked = min(config.drop_sensitivity * dropped, config.largest_coefficient)
        self.coefficient.lerp_(torch.full_like(self.coefficient, asked), 1 - config.coefficient_memory)


def _sharpness(probability_TE: Tensor) -> float:
    """Largest over second largest probability, at most a million, mean over tokens; 1 where there is no second."""
    if probability_TE.numel() == 0 or probability_TE.shape[1] == 1:
        return 1.0
    first_T, second_T = probability_TE.detach().topk(2, dim=-1).values.unbind(-1)
    return float((first_T / second_T).clamp(max=1e6).mean())


def make_layer(config: SkyworkConfig) -> MoELayer:
    """A Skywork-MoE layer: router and SwiGLU experts."""
    return moe_layer(config, SkyworkRouter(config))
