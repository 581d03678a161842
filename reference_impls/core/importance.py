"""How unevenly experts are used: the squared coefficient of variation of anything that is summed by expert."""

import torch
from torch import Tensor


def squared_cv(value_E: Tensor) -> Tensor:
    """Population variance over squared mean along the last axis; 0 of equal values, and of zeros.

    Shazeer et al. (arXiv 1701.06538, equations 7 and 11) and V-MoE (arXiv 2106.05974, appendix A) take it of the
    summed weights (importance) and of the estimated counts (load) of the experts.
    """
    mean = value_E.mean(-1)
    return value_E.var(-1, correction=0) / mean.square().clamp(min=torch.finfo(mean.dtype).tiny)
