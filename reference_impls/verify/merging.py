"""What the designs that merge experts are set beside: an ordinary module called with averaged weights."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.core.experts import ExpertBank


class SwiGLU(nn.Module):
    """One expert, as a module of its own."""

    def __init__(self, d_model: int, d_expert: int) -> None:
        super().__init__()
        self.gate, self.up = nn.Linear(d_model, d_expert, bias=False), nn.Linear(d_model, d_expert, bias=False)
        self.down = nn.Linear(d_expert, d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Down of the gated hidden layer."""
        hidden: Tensor = self.down(F.silu(self.gate(x)) * self.up(x))
        return hidden


def through_average(w_in_EID: Tensor, w_out_EDF: Tensor, weight_E: Sequence[Tensor] | Tensor, x_ND: Tensor) -> Tensor:
    """The tokens through a module whose weights are the weighted sum of the experts'."""
    averaged_in = sum((w * one for w, one in zip(weight_E, w_in_EID.unbind(0), strict=True)), w_in_EID.new_zeros(()))
    averaged_out = sum((w * one for w, one in zip(weight_E, w_out_EDF.unbind(0), strict=True)), w_out_EDF.new_zeros(()))
    gate, up = averaged_in.chunk(2)
    module = SwiGLU(x_ND.shape[1], w_out_EDF.shape[2])
    named = {"gate.weight": gate, "up.weight": up, "down.weight": averaged_out}
    made: Tensor = torch.func.functional_call(module, named, (x_ND,))
    return made


def plain_expert(bank: ExpertBank, weight_E: Sequence[float], x: Tensor) -> Tensor:
    """One token through the merged expert, written out in the dtype of the bank."""
    w_in, w_out = bank.w_in_EID.detach(), bank.w_out_EDF.detach()
    merged_in, merged_out = torch.zeros_like(w_in[0]), torch.zeros_like(w_out[0])
    for weight, one_in, one_out in zip(weight_E, w_in, w_out, strict=True):
        merged_in += weight * one_in
        merged_out += weight * one_out
    gate, up = (merged_in @ x).split(bank.d_expert)
    made: Tensor = merged_out @ (gate * torch.sigmoid(gate) * up)
    return made
