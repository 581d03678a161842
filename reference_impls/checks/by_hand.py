"""What a float64 loop needs that is the same for many designs: one SwiGLU expert, one token, written out."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def expert_output(layer: Any, expert: int, x_D: Tensor) -> Tensor:
    """Output [D] of one SwiGLU expert of the layer for one token."""
    w_in_ID, w_out_DF = layer.experts.w_in_EID.detach()[expert], layer.experts.w_out_EDF.detach()[expert]
    gate_F, up_F = (w_in_ID @ x_D).split(w_out_DF.shape[1])
    y_D: Tensor = w_out_DF @ (gate_F * (1 / (1 + torch.exp(-gate_F))) * up_F)
    return y_D


def mixed_output(layer: Any, weights: Sequence[float], x_D: Tensor) -> Tensor:
    """Output [D] of all experts of weight other than zero, weighted, for one token."""
    y_D = torch.zeros_like(x_D)
    for expert, weight in enumerate(weights):
        if weight != 0:
            y_D += weight * expert_output(layer, expert, x_D)
    return y_D
