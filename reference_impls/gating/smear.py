r"""# SMEAR: one expert, averaged from all

M. Muqeeth, H. Liu, C. Raffel, *Soft Merging of Experts with Adaptive Routing*,
[arXiv 2306.03745](https://arxiv.org/abs/2306.03745); the authors' code (r-three/smear,
`cvl/src/adapters/adapter_controller_resnet_fast.py` and `adapter_utils.py`).

## The design

Averaging the *outputs* of all experts is smooth but costs all experts. Averaging their *weights* is smooth and costs
one: the router looks at the mean of an example's tokens, and the example passes through the expert whose weights are
the average of all experts' weights:

$$\bar x = \mathrm{LayerNorm}\Big(\frac{1}{T}\sum_{t} x_t\Big), \qquad \pi = \mathrm{softmax}(W_r\, \bar x)$$

$$y_t = f\Big(x_t;\ \sum_{i=1}^{N} \pi_i\, \theta_i\Big)$$

In training each expert is left out of an example's average with a small chance, and the rest of the weights are
divided by their sum.

| symbol | meaning | here |
|---|---|---|
| $x_t$, $T$ | tokens of a sequence, and their number | `x_TD` |
| $W_r$ | router weights | `router.weight_ED`, after `router.norm` |
| $\pi$ | weights of the experts for the sequence | `weight_GE` |
| $\theta_i$ | all weights of expert $i$ | `experts` |
| $f(\cdot\,;\theta)$ | the form that all experts share | SwiGLU |
| | chance of leaving an expert out | `expert_dropout` |

The average of weights is not the average of outputs: between its layers an expert is not linear, and the merged expert
is one that none of them is.

## What the metrics mean

- `accuracy`, `cross_entropy`: of held-out images (or points). `loss` is the cross-entropy: no balancing is needed.
- `router_entropy`: of $\pi$ in nats; $\ln N$ is the plain average of all experts, 0 a single one.
- `load_cv`, `max_violation`: spread over experts of the weights that tokens got, 0 if all weigh the same in sum.
- `dropped_fraction`: always 0.
- `information`: between the digit (or cluster) and the experts that its sequences were merged from.

## Which tokens see each other

All tokens of a sequence, through the mean that the router looks at, so also earlier ones see later ones: the text
task is not offered (`lory` is the design that repairs this). Sequences do not see each other; padding is left out.

## Where it deviates

- The authors merge adapters in a pretrained ResNet or T5; here the feed-forwards of a small encoder are merged, and
  all is trained from scratch. Experts have no biases.
- Of the switches in the authors' router the norm of the mean and the dropout of experts are kept; token dropout,
  noise, a normed or cosine router matrix and the router's bias are left out.
- On the clustered task all points of a sequence share a cluster, since the design decides by sequence.

## What it was checked against

The equations in a plain float64 loop; `torch.func.functional_call` of an ordinary module on averaged weights, outputs
and gradients; the merge of equal experts is that expert; weights add up to one, with and without dropout; every
expert has a gradient in every sequence.

## How long, and what to see

Well under a minute. `router_entropy` falls below $\ln N$ as sequences come to prefer experts, and `information` rises:
the router finds out what the digits have in common without being told. `expert_dropout = 0` shows what leaving experts
out is for, `n_experts = 1` what merging is for.
"""

import torch
from torch import Tensor, nn

from reference_impls.configs.smear import SMEARConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.merging import group_mean, merge_routing
from reference_impls.core.routing import LinearRouter, MergeRouting, RoutingContext

TINY = 1e-10  # as in the authors' code: where all experts are left out, the average is the plain one


class SMEARRouter(LinearRouter):
    """Softmax of the normed mean token of each sequence; see the module's docstring."""

    def __init__(self, config: SMEARConfig) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config
        self.norm = nn.LayerNorm(config.d_model)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> MergeRouting:
        """Weights of all experts for each sequence."""
        mean_GD = group_mean(x_TD, context.sequence_T, context.n_sequences)
        wide, norm = mean_GD.dtype, self.norm
        normed_GD = nn.functional.layer_norm(
            mean_GD, norm.normalized_shape, norm.weight.to(wide), norm.bias.to(wide), norm.eps
        )
        weight_GE = self.logits(normed_GD).softmax(-1)
        if self.training:
            weight_GE = self._without_some(weight_GE)
        return merge_routing(weight_GE, context.sequence_T)

    def _without_some(self, weight_GE: Tensor) -> Tensor:
        kept_GE = torch.rand_like(weight_GE) >= self.config.expert_dropout
        left_GE = weight_GE * kept_GE + TINY
        return left_GE / left_GE.sum(-1, keepdim=True)


def make_layer(config: SMEARConfig) -> MoELayer:
    """A SMEAR layer: router and SwiGLU experts."""
    return moe_layer(config, SMEARRouter(config))
