"""The router of MixER k-means; the page is README.md."""

import torch
from torch import Tensor
from torch.nn import functional as F

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.kmeans import lloyd, nearest, spread_start
from reference_impls.core.routing import Router, RoutingContext, SparseRouting, as_float32, routing_by_rule
from reference_impls.designs.mixer_kmeans_router.config import MixerKmeansConfig


class MixerKmeansRouter(Router):
    """The expert of a token's cluster; see README.md."""

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
        x_TD = as_float32(x_TD.detach())
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


make_layer = routed_by(MixerKmeansRouter, MixerKmeansConfig)
DESIGN = Design(make_layer)
