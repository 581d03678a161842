r"""# NLLB: conditional routing between a shared network and a mixture

M. R. Costa-jussà et al., *No Language Left Behind: Scaling Human-Centered Machine Translation*,
[arXiv 2207.04672](https://arxiv.org/abs/2207.04672). Layer and loss follow the authors' public code in fairseq:
`moe_cmr_layer.py` (`CMRGate`, `CMRLayer`) and the criterion `moe_label_smoothed_cross_entropy`.

## The design

Beside the mixture of experts stands a feed-forward network that is shared by all tokens. A gate with one output
decides for each token how much of the layer's result comes from which:

$$s(x) = \sigma(w^{\top} x + b), \qquad
y = \big(1 - s(x)\big)\, \mathrm{FFN}(x) + s(x)\, \mathrm{MoE}(x)$$

Both parts are computed for every token. The mixture is the top-2 layer with capacity of GShard (see the page of
`gshard-top2`), which by default uses the second expert always:

$$\mathrm{MoE}(x) = \sum_{j=1}^{2} g_j E_{e_j}(x), \qquad g_j = \frac{p_{e_j}}{p_{e_1} + p_{e_2}}, \qquad
p = \mathrm{softmax}(W_g x)$$

In training the gate may be dropped: with probability $\pi$ it is 0, and otherwise $s(x) / (1 - \pi)$. Two losses are
added in every layer. GShard's keeps the experts even; the other keeps the mean gate at a budget $\beta$, so that the
mixture serves the tokens that need it and the shared network learns to do the rest:

$$\mathcal{L}_{\mathrm{budget}} = \lambda\, \Big|\frac{1}{T} \sum_{x} s(x) - \beta\Big|$$

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector, after the layer's norm | `x_TD` |
| $s$ | share of the mixture | `gate_T` |
| $w$, $b$ | weights and bias of the gate | `router.gate_1D`, `router.gate_bias` |
| $\mathrm{FFN}$ | the shared network, as wide as an expert | `shared` |
| $W_g$, $g_j$ | router weights, weights of the two experts | `router.weight_ED` |
| $\pi$ | probability of dropping a gate | `gate_dropout` |
| $\beta$, $\lambda$ | budget, and coefficient of its loss | `mixture_budget`, `budget_coefficient` |
| $T$ | tokens of the batch, padding excluded | |

## What the metrics mean

- `cross_entropy`: nats per byte of text; `bits_per_byte` is the same divided by $\ln 2$. `loss` adds the weighted
  auxiliary losses.
- `mixture_share`: mean of $s$, over tokens and layers; the budget says what it should be.
- `aux_budget`: the distance from the budget, without $\lambda$, mean over layers.
- `aux_load_balance`: GShard's loss without its coefficient; 1 is balance of first choices.
- `load_cv`, `max_violation`: spread of the load over experts, before capacity.
- `dropped_fraction`: share of assignments that a full expert refused. A token whose experts are all full keeps its
  share of the shared network.
- `router_entropy`: of the router's softmax, in nats. The gate has no part in it.

## Which tokens see each other

Gate and shared network look at one token. In the mixture tokens influence each other through capacity: first
choices are served before second ones, so that **a later token can take an earlier one's place**, as in GShard.
Outside training the default factor leaves room for every assignment, nothing is dropped and nothing leaks.

## Where it deviates

- The authors' code adds up the gates of all layers and takes the distance of their common mean from the budget, so
  that layers may differ; here each layer keeps the budget by itself.
- The code's defaults switch the budget loss off and drop no gate; which values the published models used was not at
  hand. 0.8 and 0.1 are this project's.
- The mixture is the GShard layer that is here already. By the default settings of transformers' NLLB router the two
  weights are divided by their sum after the places are given, in GShard before; where nothing is dropped this is the
  same.
- In the gate dropout the remaining gates are scaled up, as the code's `Dropout` does; a gate above one then weighs
  the shared network negatively.
- Every layer has experts (in transformers' configuration of NLLB: every fourth), without biases.

## What it was checked against

`NllbMoeTop2Router` of transformers, for the mixture's weights and their gradients, with our gate taken out. A plain
float64 loop: outputs and budget loss, in training and outside, with dropped assignments and with dropped gates.
Properties: the two shares add up to one, a closed gate leaves the shared network alone, the budget's gradient has
the size and sign of its definition.

## How long, and what to see

A default run takes about as long as one of `mixtral-top2`. `mixture_share` starts at one half, as the gate knows
nothing, and moves towards the budget. Set `budget_coefficient` to 0 to see where the
task alone would have it, or `mixture_budget` to 0.2 to see how well the shared network does with less help. On the
clustered task the mixture finds the clusters, the shared network cannot: it has to serve all of them.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.configs.nllb_cmr import NllbCmrConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import AuxiliaryLoss, RoutingContext, SparseRouting, wide_linear
from reference_impls.gating.gshard import GShardTop2Router


class NllbCmrRouter(GShardTop2Router):
    """GShard's routing, weighed against a shared network; see the module's docstring."""

    config: NllbCmrConfig

    def __init__(self, config: NllbCmrConfig) -> None:
        super().__init__(config)
        self.gate_1D = nn.Parameter(torch.zeros(1, config.d_model))
        self.gate_bias = nn.Parameter(torch.zeros(1))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route to two experts, and divide each token between them and the shared network."""
        config, T = self.config, max(len(x_TD), 1)
        routing = super().forward(x_TD, context)
        gate_T = wide_linear(x_TD, self.gate_1D, self.gate_bias).sigmoid()[:, 0]
        gate_T = F.dropout(gate_T, config.gate_dropout, self.training)
        budget = (gate_T - config.mixture_budget).sum().abs() / T
        return replace(
            routing,
            weight_A=routing.weight_A * gate_T[routing.token_A],
            shared_T=1 - gate_T,
            losses={**routing.losses, "budget": AuxiliaryLoss(budget, config.budget_coefficient)},
            stats={"mixture_share": float(gate_T.detach().sum() / T)},
        )


def make_layer(config: NllbCmrConfig) -> MoELayer:
    """A mixture and a shared network with a gate between them."""
    return moe_layer(config, NllbCmrRouter(config))
