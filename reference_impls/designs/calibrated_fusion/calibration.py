"""From stated confidence to observed frequency: bins, isotonic regression, calibration error."""

import torch
from torch import Tensor, nn


class Calibrator(nn.Module):
    """For each expert a rising step function from stated confidence to the frequency of being right.

    Confidence is cut into equal bins. Each bin remembers, with exponential forgetting, how often the expert was right;
    isotonic regression over the bins makes the function. Before anything is seen it is the identity, up to a bin's
    width: each bin starts with one observation at its centre.

    Args:
        n_experts: experts E.
        n_bins: bins C of confidence.
        memory: what a batch weighs after the next one, 0 to 1.
    """

    count_EC: Tensor
    hit_EC: Tensor

    def __init__(self, n_experts: int, n_bins: int, memory: float) -> None:
        super().__init__()
        self.n_bins, self.memory = n_bins, memory
        self.register_buffer("count_EC", torch.zeros(n_experts, n_bins))
        self.register_buffer("hit_EC", torch.zeros(n_experts, n_bins))

    @torch.no_grad()
    def update(self, confidence_EN: Tensor, hit_EN: Tensor) -> None:
        """Learn from how often each of N predictions was right (`hit_EN`, 0 or 1)."""
        index_EN = in_bins(confidence_EN, self.n_bins)
        hit_EN = hit_EN.to(self.hit_EC.dtype)
        self.count_EC.mul_(self.memory).scatter_add_(1, index_EN, torch.ones_like(hit_EN))
        self.hit_EC.mul_(self.memory).scatter_add_(1, index_EN, hit_EN)

    def curve(self) -> Tensor:
        """The step function's values [E, C], not falling along C."""
        centre_C = (torch.arange(self.n_bins, device=self.hit_EC.device) + 0.5) / self.n_bins
        weight_EC = self.count_EC + 1
        return isotonic((self.hit_EC + centre_C) / weight_EC, weight_EC)

    def forward(self, confidence_EN: Tensor) -> Tensor:
        """Calibrated confidence [E, N]."""
        return self.curve().to(confidence_EN.dtype).gather(1, in_bins(confidence_EN, self.n_bins))


def in_bins(confidence: Tensor, n_bins: int) -> Tensor:
    """The bin of each confidence, int64; 1 belongs to the last."""
    return (confidence * n_bins).long().clamp(0, n_bins - 1)


def isotonic(value_EC: Tensor, weight_EC: Tensor) -> Tensor:
    r"""Weighted least-squares fit that does not fall along the last axis.

    By its closed form, $\max_{j \le i} \min_{k \ge i}$ of the weighted means of entries j to k: C x C numbers for each
    row, for tens of bins.
    """
    C = value_EC.shape[1]
    wide = torch.promote_types(value_EC.dtype, torch.float64)
    weight_EC = weight_EC.to(wide)
    zero_E1 = weight_EC.new_zeros(len(weight_EC), 1)
    weights_to = torch.cat([zero_E1, weight_EC.cumsum(1)], dim=1)
    values_to = torch.cat([zero_E1, (value_EC.to(wide) * weight_EC).cumsum(1)], dim=1)
    # [E, j, k]: the mean of entries j to k, for j <= k.
    mean_EJK = (values_to[:, None, 1:] - values_to[:, :-1, None]) / (weights_to[:, None, 1:] - weights_to[:, :-1, None])
    apart_JK = torch.ones(C, C, dtype=torch.bool, device=value_EC.device)
    least_EJI = mean_EJK.masked_fill(apart_JK.tril(-1), torch.inf).flip(-1).cummin(-1).values.flip(-1)
    fit_EI: Tensor = least_EJI.masked_fill(apart_JK.tril(-1), -torch.inf).amax(1)
    return fit_EI.to(value_EC.dtype)


def calibration_error(confidence_EN: Tensor, hit_EN: Tensor, n_bins: int) -> Tensor:
    """Expected calibration error of each expert [E]: how far confidence is from frequency, mean over predictions.

    Predictions are taken together bin by bin; 0 of no prediction.
    """
    E, N = confidence_EN.shape
    miss_EN = confidence_EN - hit_EN.to(confidence_EN.dtype)
    miss_EC = confidence_EN.new_zeros(E, n_bins).scatter_add(1, in_bins(confidence_EN, n_bins), miss_EN)
    return miss_EC.abs().sum(1) / max(N, 1)
