"""How unevenly experts are used: the squared coefficient of variation of anything that is summed by expert."""

import torch
from torch import Tensor


def squared_cv(value_E: Tensor) -> Tensor:
    """Population variance over squared mean along the last axis; 0 of equal values, and of zeros.

    Shazeer et al. (arXiv 1701.06538, equations 7 and 11) and V-MoE (arXiv 2106.05974, appendix A) take it of the
    summed weights (importance) and of the estimated counts (load) of the experts.
    """
    mean = value_E.mean(-1)
    variance = (value_E - mean[..., None]).square().mean(-1)
    return variance / mean.square().clamp(min=torch.finfo(mean.dtype).tiny)


def mean_squared_cv(value_TE: Tensor, group_T: Tensor, n_groups: int) -> Tensor:
    """`squared_cv` of what each group of tokens adds up to by expert, the mean over groups that have a token."""
    sum_GE = value_TE.new_zeros(n_groups, value_TE.shape[1]).index_add(0, group_T, value_TE)
    n_filled = (torch.bincount(group_T, minlength=n_groups) > 0).sum()
    return squared_cv(sum_GE).sum() / n_filled.clamp(min=1)
