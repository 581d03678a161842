"""Entropic optimal transport of tokens to experts, by Sinkhorn's steps in logarithms."""

import torch
from torch import Tensor


def sinkhorn_plan(logit_TE: Tensor, group_T: Tensor, n_groups: int, *, epsilon: float, steps: int) -> Tensor:
    """The plan of each group that maximises sum(plan * logits) + epsilon * entropy, [T, E], without gradient.

    Each token has mass 1 and all of it goes somewhere; each expert is to take an equal part of its group's mass, which
    holds the better the more `steps` are made. Logarithms keep it finite whatever the logits.
    """
    E = logit_TE.shape[1]
    log_TE = logit_TE.detach() / epsilon
    size_G = torch.bincount(group_T, minlength=n_groups).to(log_TE.dtype)
    log_share_G1 = (size_G.clamp(min=1) / E).log()[:, None]
    price_GE = log_TE.new_zeros(n_groups, E)
    for _ in range(steps):
        log_plan_TE = (log_TE - price_GE[group_T]).log_softmax(-1)
        price_GE = price_GE + _log_sum_by_group(log_plan_TE, group_T, n_groups) - log_share_G1
        price_GE = torch.where(size_G[:, None] > 0, price_GE, 0)
    return (log_TE - price_GE[group_T]).softmax(-1)


def _log_sum_by_group(log_TE: Tensor, group_T: Tensor, n_groups: int) -> Tensor:
    """log of the sum of exp over each group's tokens, [G, E]; 0 of no token."""
    index_TE = group_T[:, None].expand_as(log_TE)
    peak_GE = log_TE.new_full((n_groups, log_TE.shape[1]), -torch.inf).scatter_reduce(0, index_TE, log_TE, "amax")
    peak_GE = torch.where(peak_GE.isfinite(), peak_GE, 0)
    sum_GE = torch.zeros_like(peak_GE).index_add_(0, group_T, (log_TE - peak_GE[group_T]).exp())
    return torch.where(sum_GE > 0, sum_GE.log() + peak_GE, 0)
