r"""# MixER: experts of clusters

R. D. Nzoyem, G. Stevens, A. Sahota, D. A. W. Barton, T. Deakin, *Towards Foundational Models for Dynamical System
Reconstruction: Hierarchical Meta-Learning via Mixture of Experts*,
[arXiv 2502.05335](https://arxiv.org/abs/2502.05335).

## The design

The router is not trained by gradient descent, which the paper finds slow and contradictory. Instead k-means finds as
many clusters as there are experts, and a linear gate is fitted by least squares to tell them apart. One expert
answers, and its output is not weighted.

$$z_t = \arg\min_j \lVert x_t - \mu_j \rVert^2, \qquad \mu_j \leftarrow \text{mean of } \{x_t : z_t = j\}
\quad \text{(until it moves no more)}$$

$$W = \arg\min_W \sum_t \big\lVert W \tilde x_t - e_{z_t} \big\rVert^2, \qquad
y_t = f_{i_t}(x_t), \quad i_t = \arg\max_i (W \tilde x_t)_i, \qquad \tilde x_t = (x_t, 1)$$

Both steps are made on every training batch, from the prototypes that the last batch left; outside training the gate
stands as it is. With `gate: nearest` the gate is left out and $i_t = z_t$.

| symbol | meaning | here |
|---|---|---|
| $x_t$ | what is clustered: a token's vector, after the layer's norm | `x_TD` |
| $\mu_j$ | prototype of expert $j$ | `router.prototype_ED`, a buffer |
| $z_t$ | cluster of token $t$ | `nearest` |
| $W$ | gate, fitted | `router.gate_EC`, a buffer; the last column is the constant's |
| $e_j$ | unit vector of expert $j$ | |

## What the metrics mean

- `unexplained_variance`: squared distances to the nearest prototype, over those to the tokens' mean; small where
  tokens come in clusters.
- `gate_agreement`: tokens whose gate picks the expert of the nearest prototype.
- `load_cv`, `max_violation`: clusters are of unequal size, and nothing evens them.
- `router_entropy`: 0; the choice has no distribution. `dropped_fraction`: 0.

## Which tokens see each other

Outside training none. In training prototypes and gate are fitted to the whole batch before it is routed, so that
tokens influence each other's routes through them, as by batch statistics.

## Where it deviates

- In the paper an environment (one dynamical system's data) has a context vector $\xi$ that is learned for it, and
  contexts are clustered: survey B prints $z(x, \xi) = \arg\min_j \lVert f_\theta(x, \xi) - \mu_j \rVert^2$ as Eq. 19.
  A language model has no such contexts; here $f_\theta$ is all that comes before the layer, and tokens are clustered.
- From the authors' public code (`mixer/trainer.py`, `train_step_gates`) come the fit by least squares with a
  constant, k-means from the last prototypes with at most 20 steps, and the noise of $10^{-4}$ on what the gate is
  fitted to. Here the noise is not drawn but allowed for: in expectation it adds a ridge of that size.
- That code measures distance as the mean absolute difference, matches clusters to experts anew at each fit (by the
  median loss of every expert on every cluster, best first), and skips the fit where a cluster is empty. Here the
  distance is Eq. 19's; a cluster keeps its number and so its expert; an empty cluster waits where it is.
- The start: tokens of the first batch, far apart from each other (k-means++), this project's choice.

## What it was checked against

scikit-learn's `KMeans` from the same start; numpy's `linalg.lstsq` for the gate; a plain float64 loop of Lloyd's
steps, and one for outputs and gradients, with both gates. Then: the sum of squares never grows by a step; well
separated clusters are found and each gets an expert of its own.

## How long, and what to see

A default run takes one to two minutes on two cores. On the clustered task the clusters are found in the first steps,
earlier than by any router that learns by gradient. In text, load is uneven, since clusters are,
and `gate_agreement` shows where a linear gate cannot tell the clusters apart. Try `gate: nearest`.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from reference_impls.configs.mixer_kmeans import MixerKmeansConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.kmeans import lloyd, nearest, spread_start
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import Router, RoutingContext, SparseRouting, wide
from reference_impls.core.rules import routing_by_rule


class MixerKmeansRouter(Router):
    """The expert of a token's cluster; see the module's docstring."""

    prototype_ED: Tensor
    gate_EC: Tensor
    started: Tensor

    def __init__(self, config: MixerKmeansConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        prototype_ED = torch.empty(config.n_experts, config.d_model).uniform_(-1e-3, 1e-3)
        self.register_buffer("prototype_ED", prototype_ED)
        # The nearest prototype by a linear gate: |x - m|^2 is smallest where 2 m x - |m|^2 is largest.
        self.register_buffer("gate_EC", torch.cat([2 * prototype_ED, -prototype_ED.square().sum(-1, keepdim=True)], 1))
        self.register_buffer("started", torch.tensor(False))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Fit to the batch, in training, and route each token to one expert."""
        x_TD = wide(x_TD.detach())
        if self.training and len(x_TD):
            self._fit(x_TD)
        cluster_T = nearest(x_TD, self.prototype_ED.to(x_TD.dtype))
        if self.config.gate == "nearest":
            expert_T = cluster_T
        else:
            expert_T = (with_constant(x_TD) @ self.gate_EC.to(x_TD.dtype).T).argmax(-1)
        stats = {
            "unexplained_variance": unexplained_variance(x_TD, self.prototype_ED.to(x_TD.dtype)),
            "gate_agreement": float((expert_T == cluster_T).sum()) / max(len(x_TD), 1),
        }
        return routing_by_rule(x_TD, expert_T[:, None], self.n_experts, stats)

    def _fit(self, x_TD: Tensor) -> None:
        config = self.config
        start_ED = self.prototype_ED.to(x_TD.dtype) if self.started else spread_start(x_TD, self.n_experts)
        prototype_ED = lloyd(x_TD, start_ED, config.kmeans_steps, config.kmeans_tolerance)
        self.prototype_ED.copy_(prototype_ED)
        self.gate_EC.copy_(fitted_gate(x_TD, nearest(x_TD, prototype_ED), self.n_experts, config.gate_noise))
        self.started.fill_(True)


def with_constant(x_TD: Tensor) -> Tensor:
    """Tokens with a last coordinate of 1."""
    return F.pad(x_TD, (0, 1), value=1.0)


def fitted_gate(x_TD: Tensor, label_T: Tensor, n_experts: int, noise: float) -> Tensor:
    """The linear map, constant included, nearest to the labels' unit vectors in the sum of squares, [E, D + 1].

    Noise on the coordinates, relative to their size, is allowed for by its expectation: a ridge, which also makes the
    problem solvable where there are fewer tokens than coordinates.
    """
    # float64: the ridge is eight orders of magnitude below the rest.
    x_TC = with_constant(x_TD.double())
    unit_TE = F.one_hot(label_T, n_experts).double()
    ridge = noise**2 * x_TD.double().square().sum() / x_TD.shape[1]
    square_CC = x_TC.T @ x_TC
    square_CC.diagonal()[:-1].add_(ridge.clamp(min=1e-12))
    gate_CE: Tensor = torch.linalg.solve(square_CC, x_TC.T @ unit_TE)
    return gate_CE.T


def unexplained_variance(x_TD: Tensor, prototype_ED: Tensor) -> float:
    """Squared distances to the nearest prototype over those to the mean; 0 of tokens that are all alike."""
    if len(x_TD) == 0:
        return 0.0
    within = (x_TD - prototype_ED[nearest(x_TD, prototype_ED)]).square().sum()
    around = (x_TD - x_TD.mean(0)).square().sum()
    return float(within / around) if around > 0 else 0.0


def make_layer(config: MixerKmeansConfig) -> MoELayer:
    """SwiGLU experts behind clusters."""
    return moe_layer(config, MixerKmeansRouter(config))
