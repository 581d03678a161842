r"""# DS-MoE: train all experts, keep a few

B. Pan et al., *Dense Training, Sparse Inference: Rethinking Training of Mixture-of-Experts Language Models*,
[arXiv 2404.05567](https://arxiv.org/abs/2404.05567). Of the paper the abstract was read; the design is told by section
4.4.1 of the survey of Cai et al. (arXiv 2407.06204), and the loss stands on the public code of ModuleFormer
(`utils/gate.py`), whose mutual-information loss DS-MoE takes up.

## The design

In training every token passes through every expert, weighted by a softmax, so that each expert has a gradient from
every token and none starves:

$$y = \sum_{i=1}^{N} p_i(x)\, E_i(x), \qquad p(x) = \mathrm{softmax}(W_g x)$$

Outside training only the $K$ experts of largest weight run, and their weights stay as they are:

$$y = \sum_{i \in \mathrm{TopK}(p(x))} p_i(x)\, E_i(x)$$

That is close to the trained function only if the weights left out are small. A loss sees to it: it maximises the
mutual information of token and expert, which wants each token's distribution narrow and the mean of all wide:

$$\mathcal{L}_{MI} = -I(e; x) = \frac{1}{T} \sum_{x} H\big(p(x)\big) - H\Big(\frac{1}{T} \sum_{x} p(x)\Big), \qquad
H(p) = -\sum_{i=1}^{N} p_i \ln p_i$$

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector, after the layer's norm | `x_TD` |
| $W_g$, $p$ | router weights, and the distribution over experts | `router.weight_ED`, `probability_TE` |
| $N$, $K$ | experts, and those of a token outside training | `n_experts`, `experts_per_token` |
| $T$ | tokens of the batch, padding excluded | |
| $\mathcal{L}_{MI}$ | added to the loss times `information_coefficient` | `aux_mutual_information` |

## What the metrics mean

- `aux_mutual_information`: $\mathcal{L}_{MI}$ in nats, mean over layers: 0 if tokens are not told apart, $-\ln N$ if
  each token has one expert and the experts have equally many.
- `kept_weight`: the weight of the $K$ best experts of a token, mean over tokens: what sparse inference keeps of 1.
- `load_cv`, `max_violation`: in training of the summed weights, outside it of the assignments.
- `router_entropy`: of $p$, in nats.
- `dropped_fraction`: always 0.

Training and validation run different functions; the curves of the two part where `kept_weight` is low.

## Which tokens see each other

None: a token's output depends on that token alone. The loss couples the tokens of a batch in training.

## Where it deviates

- The paper also has attention experts, all of which stay on at inference; here attention is ordinary.
- How experts are chosen at inference, and that their weights are not scaled up to one, is this project's choice: the
  sources at hand say that the highest scored run. Scaling up would give the kept experts a weight they never had in
  training.
- The paper weighs the loss differently for attention, feed-forward and size of model; here one coefficient, chosen
  for runs of some hundred steps. ModuleFormer's code sums its statistics over calls before taking the loss; here each
  batch is taken alone.

## What it was checked against

`scipy.stats.entropy` for the loss; float64 loops for the outputs of both modes and for the loss. Then: the loss is
never positive nor below $-\ln N$; with $K = N$ training and inference are one function; every expert has a gradient
from a single token in training.

## How long, and what to see

A step costs as much as a dense layer of all experts; validation as much as $K$ of them. `aux_mutual_information` falls
and `kept_weight` rises towards 1. Set `information_coefficient` to 0 and `kept_weight` stays low: sparse inference
then throws away what training relied on.
"""

from torch import Tensor

from reference_impls.configs.ds_moe import DSMoEConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import token_information_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    LinearRouter,
    Routing,
    RoutingContext,
    dense_routing,
    top_k_routing,
)


class DSMoERouter(LinearRouter):
    """All experts in training, the best outside it; see the module's docstring."""

    def __init__(self, config: DSMoEConfig) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config

    def forward(self, x_TD: Tensor, context: RoutingContext) -> Routing:
        """Weigh all experts, and outside training keep the best."""
        probability_TE = self.logits(x_TD).softmax(-1)
        best_TK, expert_TK = probability_TE.topk(self.config.experts_per_token, dim=-1)
        information = token_information_loss(probability_TE)
        losses = {"mutual_information": AuxiliaryLoss(information, self.config.information_coefficient)}
        stats = {"kept_weight": float(best_TK.detach().sum()) / max(len(x_TD), 1)}
        if not self.training:
            return top_k_routing(
                best_TK, expert_TK, self.n_experts, probability_TE=probability_TE, losses=losses, stats=stats
            )
        return dense_routing(probability_TE, losses=losses, stats=stats)


def make_layer(config: DSMoEConfig) -> MoELayer:
    """A DS-MoE layer: router and SwiGLU experts."""
    return moe_layer(config, DSMoERouter(config))
