"""Experts with biases: stacked like `core/experts.py`, but called one by one."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.core.experts import Experts, draw


class ClampedSwiGLUExperts(Experts):
    r"""Experts of gpt-oss: gate and up are clamped, the gate has a gain, and one is added to up.

    $E(x) = W_{\mathrm{out}} \big((u + 1) \odot g\, \sigma(\gamma g)\big) + b_{\mathrm{out}}$ with
    $g = \min(W_g x + b_g, \ell)$ and $u = \mathrm{clamp}(W_u x + b_u, -\ell, \ell)$.

    `w_in_EID` and `b_in_EI` stack gate over up. A bias makes the output not linear in the activation, so that a
    routing weight cannot be folded into it: these experts run through the plain dispatch.

    Args:
        n_experts: number of experts.
        d_model: width of tokens and outputs.
        d_expert: hidden width.
        gain: the gate's gain.
        limit: where gate (from above) and up (from both sides) are clamped.
        output_scale: variance of the output weights, times their inputs; that of the others is 1.
    """

    def __init__(
        self, n_experts: int, d_model: int, d_expert: int, *, gain: float, limit: float, output_scale: float = 1.0
    ) -> None:
        super().__init__()
        self.n_experts, self.d_model, self.d_expert = n_experts, d_model, d_expert
        self.gain, self.limit = gain, limit
        self.w_in_EID = nn.Parameter(torch.empty(n_experts, 2 * d_expert, d_model))
        self.b_in_EI = nn.Parameter(torch.zeros(n_experts, 2 * d_expert))
        self.w_out_EDF = nn.Parameter(torch.empty(n_experts, d_model, d_expert))
        self.b_out_ED = nn.Parameter(torch.zeros(n_experts, d_model))
        draw(self.w_in_EID, 1.0)
        draw(self.w_out_EDF, output_scale)

    def forward(self, x_RD: Tensor, expert: int) -> Tensor:
        """Output [R, D] of one expert for its rows."""
        gate_RF, up_RF = F.linear(x_RD, self.w_in_EID[expert], self.b_in_EI[expert]).chunk(2, dim=-1)
        gate_RF, up_RF = gate_RF.clamp(max=self.limit), up_RF.clamp(-self.limit, self.limit)
        hidden_RF = (up_RF + 1) * gate_RF * torch.sigmoid(self.gain * gate_RF)
        return F.linear(hidden_RF, self.w_out_EDF[expert], self.b_out_ED[expert])
