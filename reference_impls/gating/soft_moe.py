r"""# Soft MoE: slots instead of choices

J. Puigcerver, C. Riquelme, B. Mustafa, N. Houlsby, *From Sparse to Soft Mixtures of Experts*,
[arXiv 2308.00951](https://arxiv.org/abs/2308.00951); the authors' `SoftRouter` (google-research/vmoe,
`vmoe/projects/soft_moe/router.py`).

## The design

No token is sent anywhere. Each expert owns $p$ slots; a slot is an average of all tokens of the image, weighted by
a softmax over the tokens; the expert works on its slots; and a token's output is an average of the results of all
slots, weighted by a softmax over the slots. The logits are the same for both:

$$L_{t,s} = \alpha\, \frac{x_t^\top \mu_s}{\lVert x_t\rVert\, \lVert \mu_s\rVert}, \qquad
D_{t,s} = \frac{e^{L_{t,s}}}{\sum_{t'} e^{L_{t',s}}}, \qquad
C_{t,s} = \frac{e^{L_{t,s}}}{\sum_{s'} e^{L_{t,s'}}}$$

$$y_t = \sum_s C_{t,s}\, f_{e(s)}\Big(\sum_{t'} D_{t',s}\, x_{t'}\Big)$$

| symbol | meaning | here |
|---|---|---|
| $x_t$ | a token's vector, after the layer's norm | `x_TD` |
| $\mu_s$ | what slot $s$ looks for | `router.slot_ESD` |
| $\alpha$ | learned scale of the logits | `router.scale`, begins at `initial_scale` |
| $D$, $C$ | dispatch and combine weights | `dispatch_TES`, `combine_TES` |
| $f_{e(s)}$ | the expert that owns slot $s$ | `experts` |
| $N$, $p$ | experts, slots of each | `n_experts`, `slots_per_expert` |

Everything is smooth, every expert has work, nothing is dropped, and the cost is that of the $N p$ slots however
many experts they are divided over: as many slots as tokens cost what one expert a token costs. The estimate counts
a token's active experts that way: $N p$ over the tokens of a sequence.

## What the metrics mean

- `accuracy`, `cross_entropy`: of held-out images (or points); `loss` is the cross-entropy, there is nothing to add.
- `slot_entropy`: mean entropy of $D_{\cdot,s}$ in nats: how many tokens a slot mixes, as a logarithm. The logarithm
  of the number of tokens says that all slots are the same plain mean; 0 that each slot is one token.
- `router_entropy`: of a token's $C$ summed over the slots of each expert; $\ln N$ if it takes from all alike.
- `load_cv`, `max_violation`: spread over experts of what tokens take from them, the sum of $C$. The work is even by
  construction.
- `dropped_fraction`: always 0.
- `information`: between the digit (or cluster) and the experts whose slots its tokens take from.

## Which tokens see each other

All tokens of a sequence, the later ones included: a slot averages over them, and $D$ is normalised over them. That
is why the text task, where the next byte is to be predicted, is not offered: the layer could read it. Sequences do
not see each other, and padding is left out of both softmaxes.

## Where it deviates

- An encoder of 16 patches stands in for the paper's vision transformers; experts are SwiGLU without biases.
- The authors' code can add Gaussian noise to the logits, off by default: left out.
- Slot vectors begin with variance one over the width, the scale at one, as in the authors' code.
- On the clustered task (not the paper's) 16 experts with two slots each see eight points of 16 clusters, and the scale
  begins at 20: points have nothing to say to each other, and a slot that mixes them serves none of them. With more
  points than slots the layer cannot beat a dense one there.

## What it was checked against

- `SoftMoE` of soft-moe-pytorch: outputs and the gradients of tokens, slots and experts. That library scales a
  root-mean-square norm by a learned vector where the paper has a unit norm and one scale; for tokens that are normed
  already and a scale of $\alpha$ it is the same function.
- The equations above in a plain float64 loop; the columns of $D$ and rows of $C$ add up to one; every expert has a
  gradient; tokens in another order give outputs in that order.

## How long, and what to see

Well under a minute. With the scale at one, `slot_entropy` stays close to $\ln 16 = 2.77$ in a run as short as this:
every slot is nearly the plain mean of the image, and the encoder does well all the same, since attention has mixed
the patches before. `initial_scale = 8` makes slots look at parts of the image and experts at different digits
(`information`). Fewer experts and `slots_per_expert = 1` show what is lost when all must pass through few averages.
"""

import torch
from torch import Tensor, nn

from reference_impls.configs.soft_moe import SoftMoEConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import Router, RoutingContext, SoftRouting, entropy
from reference_impls.core.soft import cosine_logits, group_softmax, slot_entropy


class SlotRouter(Router):
    """Cosine logits of tokens and slots, softmax over either; see the module's docstring."""

    def __init__(self, n_experts: int, slots_per_expert: int, d_model: int, initial_scale: float) -> None:
        super().__init__(n_experts)
        self.slot_ESD = nn.Parameter(torch.randn(n_experts, slots_per_expert, d_model) * d_model**-0.5)
        self.scale = nn.Parameter(torch.tensor(initial_scale))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SoftRouting:
        """Mix the tokens of each sequence into slots, and back."""
        return self.route(x_TD, context.sequence_T, context.n_sequences)

    def route(self, x_TD: Tensor, group_T: Tensor, n_groups: int) -> SoftRouting:
        """Mix the tokens of each group into slots, and back."""
        logit_TES = cosine_logits(x_TD, self.slot_ESD, self.scale)
        dispatch_TES = group_softmax(logit_TES, group_T, n_groups)
        combine_TES = logit_TES.flatten(1).softmax(-1).view_as(logit_TES)
        share_TE = combine_TES.detach().sum(-1)
        return SoftRouting(
            dispatch_TES=dispatch_TES,
            combine_TES=combine_TES,
            group_T=group_T,
            n_groups=n_groups,
            demand_E=share_TE.sum(0),
            entropy=entropy(share_TE),
            n_tokens=len(x_TD),
            stats={"slot_entropy": slot_entropy(dispatch_TES, group_T, n_groups)},
        )


def make_layer(config: SoftMoEConfig) -> MoELayer:
    """A Soft MoE layer: slots and SwiGLU experts."""
    router = SlotRouter(config.n_experts, config.slots_per_expert, config.d_model, config.initial_scale)
    return moe_layer(config, router)
