"""The hierarchical mixture: its regressions against scipy, the tree and its posteriors by hand, no step downhill."""

import math
from collections.abc import Iterator
from itertools import chain, pairwise
from typing import Any

import torch

from reference_impls.designs.hierarchical_mixture.config import CLASSES, HMEConfig
from reference_impls.designs.hierarchical_mixture.irls import irls_step, log_likelihood
from reference_impls.designs.hierarchical_mixture.router import em_step, expectation, make_layer, with_constant
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most, close
from reference_impls.verify.libraries import decisive
from reference_impls.verify.naive import dot_products, softmax

D, E, G, N = 16, 6, 3, 120


def checks(entry: Entry) -> Iterator[Check]:
    """Regression, equations, likelihood."""
    yield from chain(regression(), equations(), ascent())


def _layer(seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return decisive(make_layer(HMEConfig(d_model=D, n_experts=E, n_groups=G)).double(), seed)


def _points(n: int = N, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x_ND = torch.randn(n, D, dtype=torch.float64, generator=generator)
    return x_ND, torch.randint(CLASSES, (n,), generator=generator)


def regression() -> Iterator[Check]:
    """From any start, the steps reach the optimum that `scipy.optimize.minimize` finds for soft, weighted targets."""
    from scipy.optimize import minimize

    generator = torch.Generator().manual_seed(2)
    x_NF = with_constant(torch.randn(200, 3, dtype=torch.float64, generator=generator))
    target_NC = torch.rand(200, 3, dtype=torch.float64, generator=generator) ** 3
    theta_CF = torch.randn(3, 4, dtype=torch.float64, generator=generator)

    def loss(flat: Any) -> float:
        return -float(log_likelihood(torch.from_numpy(flat).view(3, 4), x_NF, target_NC))

    best = minimize(loss, theta_CF.flatten().numpy(), method="BFGS", options={"gtol": 1e-8, "maxiter": 500})
    falls = 0.0
    for _ in range(20):
        before = log_likelihood(theta_CF, x_NF, target_NC)
        theta_CF = irls_step(theta_CF, x_NF, target_NC)
        falls = max(falls, float(before - log_likelihood(theta_CF, x_NF, target_NC)))
    reached = log_likelihood(theta_CF, x_NF, target_NC)
    yield at_least("log-likelihood of a regression above scipy's optimum", reached + best.fun, -1e-6)
    ours_NC = (x_NF @ theta_CF.T).softmax(-1)
    theirs_NC = (x_NF @ torch.from_numpy(best.x).view(3, 4).T).softmax(-1)
    yield close("probabilities of a regression beside scipy's", ours_NC, theirs_NC, rtol=1e-3, atol=1e-4)
    yield at_most("a least-squares step lowers the log-likelihood by", falls, 0)


def equations() -> Iterator[Check]:
    """Weights of the tree, posteriors, likelihood and outputs by a plain loop over points, groups and experts."""
    layer = _layer()
    x_ND, label_N = _points()
    low_GMF, leaves = layer.router.low_EF.view(G, E // G, -1), layer.experts.weight_ECF
    weights, posteriors, logs, rows = [], [], [], []
    for x_F, label in zip(with_constant(x_ND), label_N.tolist(), strict=True):
        group_weights = softmax(dot_products(layer.router.top_GF, x_F))
        inside = [softmax(dot_products(low_MF, x_F)) for low_MF in low_GMF]
        weight = [g * w for g, member in zip(group_weights, inside, strict=True) for w in member]
        logits = [dot_products(leaf, x_F) for leaf in leaves]
        joint = [w * softmax(logit)[label] for w, logit in zip(weight, logits, strict=True)]
        weights.append(weight)
        logs.append(math.log(sum(joint)))
        posteriors.append([value / sum(joint) for value in joint])
        blend = [sum(w * logit[c] for w, logit in zip(weight, logits, strict=True)) for c in range(CLASSES)]
        rows.append(blend + [0.0] * (D - CLASSES))
    y_BND, info = layer(x_ND[None])
    log_N, posterior_NGM = expectation(layer.router, layer.experts, with_constant(x_ND), label_N)
    posterior_NE = posterior_NGM.flatten(1)
    for name, ours, expected in (
        ("weights of the experts", info.routing.weight_TE, weights), ("posteriors", posterior_NE, posteriors),
        ("log-likelihood", log_N, logs), ("outputs", y_BND[0], rows),
    ):  # fmt: skip
        expected_N = torch.tensor(expected, dtype=torch.float64)
        yield apart(f"equations, by a float64 loop: {name}", ours, expected_N, 1e-11)


def ascent() -> Iterator[Check]:
    """On one batch the likelihood never falls, rises at first, and ends far above its start."""
    for irls_steps in (1, 3):
        layer = _layer(seed=3)
        x_ND, label_N = _points(400, seed=4)
        x_NF, told = with_constant(x_ND), []
        for _ in range(15):
            told.append(float(expectation(layer.router, layer.experts, x_NF, label_N)[0].mean()))
            em_step(layer.router, layer.experts, x_ND, label_N, irls_steps)
        falls = [before - after for before, after in pairwise(told)]
        name = f"steps of EM with {irls_steps} of least squares each"
        yield at_most(f"{name}: the log-likelihood falls by", max(falls), 1e-12)
        yield at_least(f"{name}: the log-likelihood rises in all by", told[-1] - told[0], 0.5)
