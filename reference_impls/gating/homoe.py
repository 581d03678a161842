r"""# HOMOE: Soft MoE with a Hopfield memory

D. H. Dat, P. Y. Mao, T. H. Nguyen, W. Buntine, M. Bennamoun, *HOMOE: A Memory-Based and Composition-Aware Framework
for Zero-Shot Learning with Hopfield Network and Soft Mixture of Experts*,
[arXiv 2311.14747](https://arxiv.org/abs/2311.14747).

## The design

A modern Hopfield network stores prototypes and retrieves the one that fits the input; a soft mixture of experts then
puts the input and its prototype together. One step of retrieval is a softmax over the stored patterns:

$$r_t = M^\top\, \mathrm{softmax}\big(\beta\, M x_t\big)$$

The slots of [Soft MoE](https://arxiv.org/abs/2308.00951) then average over tokens that carry their prototype with
them:

$$z_t = x_t + r_t, \qquad y_t = \sum_s C_{t,s}\, f_{e(s)}\Big(\sum_{t'} D_{t',s}\, z_{t'}\Big)$$

| symbol | meaning | here |
|---|---|---|
| $x_t$ | a token's vector, after the layer's norm | `x_TD` |
| $M$ | stored patterns, a row each | `router.memory_PD` (`n_prototypes`) |
| $\beta$ | how exactly the memory retrieves | `inverse_temperature`, over $\sqrt{d}$ |
| $r_t$ | what was retrieved | `router.retrieve` |
| $z_t$ | the token with its prototype | `router.joined` |
| $D$, $C$ | Soft MoE's weights, from the cosines of $z_t$ and $\mu_s$ | `dispatch_TES`, `combine_TES` |

A memory of one pattern retrieves that pattern; a large $\beta$ retrieves the nearest; $\beta = 0$ the mean of all.

## What the metrics mean

As in Soft MoE (`accuracy`, `slot_entropy`, `router_entropy`, `load_cv`, `information`), and

- `retrieval_entropy`: of the softmax over patterns, in nats; the logarithm of `n_prototypes` if the memory cannot tell
  them apart, 0 if it returns a single one.

## Which tokens see each other

All of a sequence, later ones included, through the slots: the text task is therefore not offered. Sequences do not
see each other. The memory is the same for all, and only learning changes it.

## Where it deviates

This implementation is **partial**. What is known of the design here are the abstract, which names the two parts and
their order (memory of label prototypes, then experts that join the image with the fitting one), and the survey
(section 4.1.3), which calls it a follower of Soft MoE with a Hopfield network. Searches for the title, the acronym,
"Hopfield" with "compositional zero-shot" in code, issues and pages found neither formulas nor code. Therefore ours are

- that retrieval is one step, with the scale over $\sqrt{d}$ as attention has it (the modern Hopfield update);
- that a token and its prototype are joined by adding them, before the slots;
- that prototypes are learned parameters: the paper makes them from labels;
- that there is a layer inside an encoder of image patches: the paper classifies pairs of state and object, with a
  contrastive and a retrieval loss of which we know no more than that.

## What it was checked against

The equations above in a plain float64 loop; orthogonal patterns are retrieved by a noisy copy of themselves; one
pattern is all that a memory of one retrieves; every pattern has a gradient; a
memory of zeros leaves Soft MoE.

## How long, and what to see

Well under a minute. `retrieval_entropy` falls as patterns drift apart; `inverse_temperature = 0` turns the memory into one
learned vector, the comparison that shows whether retrieval matters: on images as simple as these, little.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from reference_impls.configs.homoe import HOMOEConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.combine import combine
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import Routing, RoutingContext, SoftRouting, entropy, wide_linear
from reference_impls.gating.soft_moe import SlotRouter


class MemoryRouter(SlotRouter):
    """Routes tokens joined with what a memory retrieves for them; see the module's docstring."""

    def __init__(self, config: HOMOEConfig) -> None:
        super().__init__(config.n_experts, config.slots_per_expert, config.d_model, config.initial_scale)
        self.memory_PD = nn.Parameter(torch.randn(config.n_prototypes, config.d_model))
        self.beta = config.inverse_temperature * config.d_model**-0.5

    def retrieve(self, x_TD: Tensor) -> tuple[Tensor, Tensor]:
        """What the memory returns for each token [T, D], and the weights of its patterns [T, P]."""
        weight_TP = (self.beta * wide_linear(x_TD, self.memory_PD)).softmax(-1)
        return wide_linear(weight_TP, self.memory_PD.T), weight_TP

    def joined(self, x_TD: Tensor) -> Tensor:
        """Each token with what was retrieved for it, in at least float32."""
        return x_TD + self.retrieve(x_TD)[0]

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SoftRouting:
        """Mix the joined tokens of each sequence into slots, and back."""
        retrieved_TD, weight_TP = self.retrieve(x_TD)
        routing = super().forward(x_TD + retrieved_TD, context)
        stats = {**routing.stats, "retrieval_entropy": float(entropy(weight_TP))}
        return replace(routing, stats=stats)


class MemoryLayer(MoELayer):
    """Soft MoE whose slots average the joined tokens."""

    router: MemoryRouter

    def combine(self, x_TD: Tensor, routing: Routing) -> Tensor:
        """Outputs of the experts."""
        return combine(self.router.joined(x_TD).to(x_TD.dtype), routing, self.experts)


def make_layer(config: HOMOEConfig) -> MoELayer:
    """A HOMOE layer: memory, slots and SwiGLU experts."""
    return moe_layer(config, MemoryRouter(config), MemoryLayer)
