"""Noise on logits: Gumbel's, which makes the largest a draw; learned Gaussian, and how likely a choice was under it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.core.routing import float32_linear


def gumbel_noise(like: Tensor) -> Tensor:
    """A draw from the standard Gumbel distribution for each entry: minus the log of an exponential one."""
    return -torch.empty_like(like).exponential_().clamp(min=torch.finfo(like.dtype).tiny).log()


@dataclass(frozen=True)
class NoisyLogits:
    """Scores of choices along the last axis, with and without noise; equal where there is no noise.

    Attributes:
        clean: without noise.
        noisy: with it; what the best are taken of.
        deviation: standard deviation of the noise that was or, outside training, would have been added.
        drawn: whether noise was added.
    """

    clean: Tensor
    noisy: Tensor
    deviation: Tensor
    drawn: bool

    @property
    def mean_deviation(self) -> float:
        """Mean standard deviation of the noise; 0 of no tokens."""
        return float(self.deviation.detach().mean()) if len(self.deviation) else 0.0

    def grouped(self, groups: int) -> "NoisyLogits":
        """The same with the choices in groups of neighbours: [T, groups, choices of a group]."""
        size = self.clean.shape[-1] // groups
        clean, noisy, deviation = (part.view(-1, groups, size) for part in (self.clean, self.noisy, self.deviation))
        return NoisyLogits(clean, noisy, deviation, self.drawn)

    def inclusion(self, k: int) -> Tensor:
        r"""Probability that a choice is among the k best if its own noise alone were drawn anew.

        $P(x, i) = \Phi\big((\mathrm{clean}_i - \mathrm{kth\_excluding}(\mathrm{noisy}, k, i)) /
        \mathrm{deviation}_i\big)$: smooth where counting is not. Without noise, or if all are chosen, the choice
        is certain: 1 or 0, without gradient.
        """
        n = self.noisy.shape[-1]
        best = self.noisy.topk(min(k + 1, n), dim=-1)
        chosen = torch.zeros_like(self.noisy).scatter(-1, best.indices[..., :k], 1.0)
        if k >= n or not self.drawn:
            return chosen
        # Leaving out a choice that is among the k best, the k-th best of the others is the next one.
        threshold = torch.where(chosen > 0, best.values[..., k : k + 1], best.values[..., k - 1 : k])
        probability: Tensor = torch.special.ndtr((self.clean - threshold) / self.deviation)
        return probability


class NoisyGate(nn.Module):
    """Two linear maps of a token: the logits of n choices, and how much noise each gets in training.

    Args:
        d_model: width of the token.
        n: number of choices.
        floor: added to the deviation of the noise, so that it never vanishes.
    """

    def __init__(self, d_model: int, n: int, floor: float) -> None:
        super().__init__()
        self.floor = floor
        # Zeros: every choice starts equally good and equally noisy, so that the load starts even.
        self.weight_ED = nn.Parameter(torch.zeros(n, d_model))
        self.noise_ED = nn.Parameter(torch.zeros(n, d_model))

    def forward(self, x_TD: Tensor) -> NoisyLogits:
        """Logits [T, n]."""
        clean_TE = float32_linear(x_TD, self.weight_ED)
        deviation_TE = F.softplus(float32_linear(x_TD, self.noise_ED)) + self.floor
        noisy_TE = clean_TE + deviation_TE * torch.randn_like(clean_TE) if self.training else clean_TE
        return NoisyLogits(clean_TE, noisy_TE, deviation_TE, self.training)
