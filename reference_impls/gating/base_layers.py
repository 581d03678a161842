r"""# BASE layers: a balanced assignment

M. Lewis, S. Bhosale, T. Dettmers, N. Goyal, L. Zettlemoyer, *BASE Layers: Simplifying Training of Large, Sparse
Models*, [arXiv 2103.16716](https://arxiv.org/abs/2103.16716).

## The design

Every expert has a centroid. In training the tokens of a group are not left to choose: they are assigned so that the
sum of affinities is the largest possible while every expert gets the same number of tokens, a linear assignment
problem. Balance needs no loss and no capacity, and no token is dropped.

$$\max_{a} \sum_{t=1}^{T} h_t^\top w_{a_t} \quad \text{subject to} \quad
\forall i:\ \sum_{t=1}^{T} \mathbb{1}\{a_t = i\} \le \Big\lceil \frac{T}{N} \Big\rceil$$

Outside training each token simply takes its best expert, $a_t = \arg\max_i h_t^\top w_i$. Either way the expert's
output is weighted by how well the token fits, which is the only way in which a gradient reaches the centroids:

$$y_t = \sigma(h_t^\top w_{a_t})\, f_{a_t}(h_t)$$

| symbol | meaning | here |
|---|---|---|
| $h_t$ | a token's vector, after the layer's norm | `x_TD` |
| $w_i$ | centroid of expert $i$, at first orthogonal, of length 0.1 | `router.weight_ED` |
| $N$ | experts | `n_experts` |
| $T$ | tokens of a group, padding excluded | `routing_group` |
| $a_t$ | expert of token $t$ | `balanced_assignment` |
| $\sigma$ | sigmoid | |

The paper's $y = \sigma f + (1 - \sigma) h$ has an $f$ that contains its own residual and norm,
$f(h) = h + \mathrm{FFN}(\mathrm{norm}(h))$ (authors' code, fairseq `base_layer.py`, `BaseSublayer`). The sum is
$h + \sigma\,\mathrm{FFN}(\mathrm{norm}(h))$, and residual and norm are the transformer's here: the two are the same.

## What the metrics mean

- `best_expert_fraction`: tokens that got the expert they have the largest affinity to. 1 outside training.
- `load_cv`, `max_violation`: in training 0 (if experts divide the tokens); in validation, where tokens choose, what
  imbalance the centroids have.
- `router_entropy`: of a softmax over affinities, which the layer itself does not use.
- `dropped_fraction`: always 0.

## Which tokens see each other

In training all tokens of a group, in both directions: a later token can take an earlier one's place. So the training
loss of a language model has a leak. Outside training tokens choose by themselves and the layer is causal, as
validation is: changing later bytes changes no earlier output. The checks show both.

## Where it deviates

- The authors solve the assignment with an auction algorithm; here `core/assignment.py` finds prices the same way in
  spirit (an expert in too much demand gets dearer) and then repairs what is left exactly. The result is the optimum,
  not near it.
- Experts take the place of feed-forwards in all layers; the authors put few BASE layers into a large model, each a
  stack of blocks.
- The authors shuffle tokens among devices, to break correlations, and assign on each device. Here a group is a
  sequence or the batch.
- The authors' code needs as many tokens as experts divide; here loads may differ where they do not.
- The expert's output matrix starts small instead of at zero.

## What it was checked against

The optimum of scipy's `linear_sum_assignment` (which copies each expert for each of its places) on random, tied and
lopsided affinities; trying all balanced assignments one by one on small problems; scipy's `linprog` for several
experts a token, in the checks of `maxscore`. A float64 loop over the assignment found by trying: outputs and all
gradients. Then: load in training, causality outside, the leak inside.

## How long, and what to see

A default run takes two minutes on two cores. On the clustered task the clusters are found almost perfectly. In short
runs on text `best_expert_fraction` stays well below 1: with an equal load many tokens do not get the expert they are
nearest to, and nothing asks the centroids to be balanced by themselves. So `load_cv` is 0 in training and large in
validation, where tokens choose, and the loss is larger there, too: experts meet tokens that training sent elsewhere.
Turn `routing_group` to `batch` to loosen the constraint: a sequence then need not use every expert equally.
"""

from torch import Tensor, nn

from reference_impls.configs.base_layers import BaseLayersConfig
from reference_impls.core.assignment import balanced_assignment
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import LinearRouter, RoutingContext, SparseRouting
from reference_impls.core.sigmoid_top1 import sigmoid_weighted


class BaseLayersRouter(LinearRouter):
    """Balanced assignment in training, the best expert outside; see the module's docstring."""

    def __init__(self, config: BaseLayersConfig) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config
        nn.init.orthogonal_(self.weight_ED, gain=0.1)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Assign the tokens."""
        affinity_TE = self.logits(x_TD)
        best_T = affinity_TE.argmax(-1)
        if self.training:
            group_T, n_groups = context.groups(self.config.routing_group)
            expert_T = balanced_assignment(affinity_TE, 1, group_T, n_groups)[:, 0]
        else:
            expert_T = best_T
        return sigmoid_weighted(affinity_TE, expert_T, best_T)


def make_layer(config: BaseLayersConfig) -> MoELayer:
    """SwiGLU experts behind centroids."""
    return moe_layer(config, BaseLayersRouter(config))
