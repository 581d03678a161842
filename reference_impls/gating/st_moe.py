r"""# ST-MoE: top-2 made stable by a loss on large logits

B. Zoph et al., *ST-MoE: Designing Stable and Transferable Sparse Expert Models*,
[arXiv 2202.08906](https://arxiv.org/abs/2202.08906): section 3 (z-loss), section 5 (design recommendations),
appendices A and B (losses and their coefficients), read in a public text conversion of the paper.

## The design

Routing is that of `gshard-top2`: a softmax over all experts, the two best of which get weights that add up to one,
the second by chance if its weight is small, and $C$ places for each expert of a group:

$$p(x) = \mathrm{softmax}(W_g x), \qquad g_j = \frac{p_{e_j}(x)}{p_{e_1}(x) + p_{e_2}(x)}, \qquad
P(e_2\ \text{used}) = \min\left(1, \frac{g_2}{\theta}\right), \qquad C = \left\lceil \frac{T}{N}\, c \right\rceil$$

What it adds is the router z-loss. An exponential turns a small rounding error of a large logit into a large error
of a probability; the loss pulls the logits towards small numbers, where they are exact:

$$\mathcal{L}_z = \frac{c_z}{T} \sum_x \Big(\log \sum_{i=1}^{N} e^{(W_g x)_i}\Big)^2, \qquad
\mathcal{L}_{\mathrm{balance}} = \alpha\, N \sum_{i=1}^{N} f_i P_i$$

with $f_i$ the share of tokens whose first choice is expert $i$ and $P_i$ its mean probability. Initial weights are
small: variance $s / n$ with $n$ the number of inputs.

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector, after the layer's norm | `x_TD` |
| $W_g$ | router weights | `router.weight_ED` |
| $e_1$, $e_2$ | best and second best expert of a token | |
| $\theta$ | weight from which the second is always used | `second_threshold` |
| $N$, $T$ | experts; tokens of a routing group (of the batch, in $\mathcal{L}_z$), padding excluded | `n_experts` |
| $c$ | capacity factor, in training and outside | `capacity_factor_train`, `capacity_factor_eval` |
| $c_z$, $\alpha$ | coefficients of the losses | `z_coefficient`, `balance_coefficient` |
| $s$ | initial scale | `initial_scale` |

## What the metrics mean

- `aux_router_z`: $\mathcal{L}_z / c_z$, mean over ST-MoE layers; $(\ln N)^2$ if all logits are 0.
- `aux_load_balance`: $\mathcal{L}_{\mathrm{balance}} / \alpha$; 1 is perfect balance, $N$ is every first choice to one
  expert with certainty.
- `load_cv`, `max_violation`: spread of the load, first and wanted second choices, before capacity; 0 is even.
- `dropped_fraction`: share of wanted assignments refused by a full expert.
- `router_entropy`: of the softmax, in nats; $\ln N$ if the router has no opinion.

## Which tokens see each other

As in `gshard-top2`: tokens of a group compete for places, all first choices are served before any second one, and a
later token's first choice can take the place of an earlier token's second choice. **Where something is dropped this
design leaks**; where nothing is, it is causal. The paper's batch prioritised routing, which leaks more and which it
therefore keeps to the encoder, is the design `vmoe-bpr`.

## Where it deviates

- A decoder-only byte-level language model stands in for an encoder and a decoder.
- Experts are gated by SiLU instead of GELU and lack the multiplicative bias of appendix C; no additional dense
  feed-forward stands beside each layer with experts. Every other layer has experts, the paper's every fourth.
- The random second expert with $\theta = 0.2$ is that of Mesh TensorFlow, on which the paper builds, and of
  st-moe-pytorch. Both draw in evaluation, too (`second_policy_eval: random`); here the default is not to.
- The group is a sequence (or the batch). $C$ is rounded up; st-moe-pytorch rounds down and gives each expert four
  places at least.

## What it was checked against

`MoE` of st-moe-pytorch with our weights: outputs, all gradients and both losses, in float32 and float64, at four
capacities, with every second expert wanted (its random draws cannot be lined up with ours). Its balancing loss is
compared where nothing is dropped: it counts the first choices that found a place, where the paper counts all of
them. Outputs, demand and both losses against a float64 loop with the random second expert.

## How long, and what to see

A default run takes less than two minutes on two cores. With the factor 1.25 in training, which the paper recommends,
many of the wanted assignments are dropped; in validation, with 2, far fewer. `aux_router_z` should fall early and
stay low; with `z_coefficient` 0 it grows with the logits. At this size and in float32 training is stable either way:
what the loss is for cannot be seen here, only what it does to the logits.
"""

from dataclasses import replace

from torch import Tensor

from reference_impls.configs.st_moe import STMoEConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.experts import draw
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import router_z_loss
from reference_impls.core.routing import AuxiliaryLoss, RoutingContext, SparseRouting
from reference_impls.gating.gshard import GShardTop2Router


class STMoERouter(GShardTop2Router):
    """GShard's routing and the router z-loss; see the module's docstring."""

    config: STMoEConfig

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its best expert and perhaps its second, while they have room."""
        routing = super().forward(x_TD, context)
        z_loss = AuxiliaryLoss(router_z_loss(self.logits(x_TD)), self.config.z_coefficient)
        return replace(routing, losses={**routing.losses, "router_z": z_loss})


def make_layer(config: STMoEConfig) -> MoELayer:
    """An ST-MoE layer: router and SwiGLU experts, initialised small."""
    layer = moe_layer(config, STMoERouter(config))
    for weight in layer.parameters():
        draw(weight, config.initial_scale)
    return layer
