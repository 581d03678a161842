"""Weighted multinomial logistic regression by iteratively reweighted least squares, never a step downhill."""

import torch
from torch import Tensor

DAMPING = 1e-2  # of the Hessian's mean diagonal, added to it: labels that can be told apart make it singular
HALVINGS = 12


def log_likelihood(theta_CF: Tensor, x_NF: Tensor, target_NC: Tensor) -> Tensor:
    """Sum over points and classes of target times log-probability, a scalar: what a step may not lower."""
    total: Tensor = (target_NC * (x_NF @ theta_CF.T).log_softmax(-1)).sum()
    return total


def irls_step(theta_CF: Tensor, x_NF: Tensor, target_NC: Tensor) -> Tensor:
    """Coefficients after one step, [C, F]: the least-squares problem that Newton's method makes of the likelihood.

    The step is halved until the likelihood does not fall; if it falls however short the step, nothing changes.

    Args:
        theta_CF: coefficients of C classes and F features, float64.
        x_NF: features of the points.
        target_NC: weight of each point for each class; a point's weights add up to the point's weight, which may be 0.
    """
    C, F = theta_CF.shape
    weight_N = target_NC.sum(-1)
    p_NC = (x_NF @ theta_CF.T).softmax(-1)
    slope_CF = (target_NC - weight_N[:, None] * p_NC).T @ x_NF
    # Points of hardly any weight matter in the slope, which is exact, but not in the curvature.
    (heavy_M,) = torch.where(weight_N > 1e-6)
    p_MC, x_MF = p_NC[heavy_M], x_NF[heavy_M]
    spread_MCC = torch.diag_embed(p_MC) - p_MC[:, :, None] * p_MC[:, None, :]
    weighted_MX = (weight_N[heavy_M, None, None] * spread_MCC).flatten(1)
    pairs_MY = (x_MF[:, :, None] * x_MF[:, None, :]).flatten(1)
    curvature_CCFF = (weighted_MX.T @ pairs_MY).view(C, C, F, F)
    curvature_ZZ = curvature_CCFF.permute(0, 2, 1, 3).reshape(C * F, C * F)
    damping = DAMPING * curvature_ZZ.diagonal().mean() + torch.finfo(theta_CF.dtype).tiny
    curvature_ZZ.diagonal().add_(damping)
    step_CF: Tensor = torch.linalg.solve(curvature_ZZ, slope_CF.flatten()).view(C, F)
    before = log_likelihood(theta_CF, x_NF, target_NC)
    for halving in range(HALVINGS):
        moved_CF: Tensor = theta_CF + step_CF / 2**halving
        if log_likelihood(moved_CF, x_NF, target_NC) >= before:
            return moved_CF
    return theta_CF
