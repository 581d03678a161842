"""Experts of one layer that differ in width."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.core.experts import Experts, SwiGLUExperts, draw


class HeterogeneousSwiGLUExperts(Experts):
    """SwiGLU experts without biases, each with its own hidden width.

    Widths differ, so nothing is stacked over experts: `w_in[e]` is [2 * width, D], gate over up, and `w_out[e]` is
    [D, width]. Initial weights are as in `ExpertBank`.

    Args:
        d_model: width D of the tokens.
        widths: hidden width of each expert.
        output_scale: variance of the outputs' weights times the width.
    """

    def __init__(self, d_model: int, widths: Sequence[int], output_scale: float = 1.0) -> None:
        super().__init__()
        self.n_experts, self.d_model, self.widths = len(widths), d_model, tuple(widths)
        self.w_in = nn.ParameterList(torch.empty(2 * width, d_model) for width in widths)
        self.w_out = nn.ParameterList(torch.empty(d_model, width) for width in widths)
        for weights, scale in ((self.w_in, 1.0), (self.w_out, output_scale)):
            for weight in weights:
                draw(weight, scale)

    def forward(self, x_RD: Tensor, expert: int) -> Tensor:
        """Output [R, D] of one expert for its rows."""
        return F.linear(SwiGLUExperts.activate(F.linear(x_RD, self.w_in[expert])), self.w_out[expert])
