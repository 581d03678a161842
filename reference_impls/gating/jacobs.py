r"""# The classic mixture: every expert, weighted by a softmax

R. A. Jacobs, M. I. Jordan, S. J. Nowlan and G. E. Hinton, *Adaptive mixtures of local experts*, Neural Computation 1991
([doi 10.1162/neco.1991.3.1.79](https://doi.org/10.1162/neco.1991.3.1.79)). The paper itself was not at hand. The layer
is equations 1 and 2 of the survey of Cai et al. ([arXiv 2407.06204](https://arxiv.org/abs/2407.06204)); the
competing loss is that of G. Hinton's lecture notes on mixtures of experts (CSC321, lecture 15: the natural error
measure is the log-probability of the answer under the mixture) and of P. Moerland's note on training mixtures.

## The design

A linear gate and a softmax weigh all experts, and all of them work on every token:

$$y = \sum_{i=1}^{N} g_i(x)\, E_i(x), \qquad g(x) = \mathrm{softmax}(W_g x)$$

If the error is taken of the blend $y$, an expert learns to mend what the others leave: experts cooperate, and each is
bound to all. If instead each expert answers by itself, and what is scored is the probability of the right answer $d$
under the mixture, experts compete for points:

$$\mathcal{L} = -\log \sum_{i=1}^{N} g_i(x)\, P_i(d \mid x), \qquad
-\frac{\partial \mathcal{L}}{\partial \log P_i} = h_i = \frac{g_i(x)\,P_i(d \mid x)}{\sum_j g_j(x)\,P_j(d \mid x)}$$

The gradient reaches an expert in proportion to its posterior $h_i$, and moves the gate from $g$ towards $h$: the
expert that does better than the rest on a point gets more of it. The paper's $P_i$ is a Gaussian around a vector; here
the answer is a class, and $P_i$ the softmax of expert $i$'s own logits.

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector | `x_TD` |
| $W_g$, $g_i$ | gate, and the weight of expert $i$ | `router.weight_ED`, `weight_TE` |
| $N$ | experts | `n_experts` |
| $E_i$ | SwiGLU expert $i$ | `experts` |
| $P_i(d \mid x)$ | probability that expert $i$ alone gives the label, through the read-out | `logit_TEC` |
| $h_i$ | posterior: how far expert $i$ is responsible for the label | |

On text a layer inside a transformer has no answer of its own to be scored by. There the outputs are blended, and the
language model's loss is all there is; no balancing loss is needed, since every expert gets every token.

## What the metrics mean

- `load_cv`, `max_violation`: spread of the gate's summed weights over experts; the work is always even.
- `router_entropy`: of the gate, in nats; $\ln N$ if it has no opinion, 0 if it has become a choice.
- `information`: mutual information of expert and cluster (or domain), each token shared out by its weights, of the
  most possible.
- `cross_entropy` on the clustered task: $\mathcal{L}$ above, in nats.
- `dropped_fraction`: always 0.

## Which tokens see each other

None: a token's output depends on that token alone.

## Where it deviates

- Experts are SwiGLU networks within a layer, not whole networks, and the gate has no bias.
- Competition needs an answer to be scored by, so it takes place on the clustered task only (`competition`), where the
  experts share the linear read-out that follows the layer.
- On the clustered task the usual proof, to beat a dense layer as wide as what a token passes through, is not asked of
  this design: a token passes through everything, and a dense layer as wide as all experts together has room for all
  rules, without the detour of a softmax over them. What is asked instead is that competition finds the clusters.
- More experts than clusters by default there: experts that begin alike and win the same clusters seldom part again.
- The paper's Gaussian is replaced by a softmax over classes, as the task has labels.

## What it was checked against

`MixtureSameFamily` of `torch.distributions`: the likelihood and its gradients. A float64 loop written from the
equations for the layer, and the posterior formula above for the gradient that reaches each expert. Then: weights add
up to one; what every design is asked (padding, causality, edge cases, the fast path against the loop).

## How long, and what to see

A default run reads 491,520 bytes of text, by estimate in under two minutes on two idle cores.

On the clustered task the gate turns from a blend into a choice: `router_entropy` falls towards 0 and `information`
rises towards 1. Set `competition` off to see the experts cooperate instead: the entropy stays higher, and the
accuracy comes closer to the dense layer's. On text the gate keeps much of its entropy: nothing asks it to choose.
"""

from typing import Any

from torch import Tensor

from reference_impls.configs.jacobs import JacobsConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import DenseRouting, LinearRouter, RoutingContext, dense_routing
from reference_impls.tasks.base import Forward, Task
from reference_impls.tasks.clusters import PointModel
from reference_impls.tasks.competition import compete


class SoftmaxGate(LinearRouter):
    """All experts for every token, weighted by a softmax; see the module's docstring."""

    def forward(self, x_TD: Tensor, context: RoutingContext) -> DenseRouting:
        """Weigh the experts."""
        return dense_routing(self.logits(x_TD).softmax(-1))


def make_layer(config: JacobsConfig) -> MoELayer:
    """A dense mixture: gate and SwiGLU experts."""
    return moe_layer(config, SoftmaxGate(config.d_model, config.n_experts))


def run_model(task: Task, batch: Any) -> Forward:
    """Labelled points are scored by the mixture's likelihood, everything else as by default."""
    model, config = task.model, task.config
    competing = isinstance(config, JacobsConfig) and config.competition
    if competing and isinstance(model, PointModel) and isinstance(model.layer, MoELayer):
        return compete(model, batch)
    return task.forward(batch)
