"""Arithmetic of single tokens, written out once for the plain loops that the designs are held against."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from reference_impls.core.experts import ExpertBank


def swiglu(bank: ExpertBank, expert: int, x: Tensor) -> Tensor:
    """Output [D] of one SwiGLU expert for one token [D]."""
    w_in, w_out = bank.w_in_EID[expert].detach(), bank.w_out_EDF[expert].detach()
    gate, up = (w_in @ x).split(w_out.shape[1])
    return w_out @ (gate * torch.sigmoid(gate) * up)


def softmax(logits: Sequence[float]) -> list[float]:
    """Exponentials over their sum."""
    top = max(logits)
    exponentials = [math.exp(value - top) for value in logits]
    return [value / sum(exponentials) for value in exponentials]


def best(scores: Sequence[float], k: int) -> list[int]:
    """Places of the k largest scores, the largest first."""
    return sorted(range(len(scores)), key=lambda i: scores[i], reverse=True)[:k]


def dot_products(weight_ED: Tensor, x: Tensor) -> list[float]:
    """Each row of the matrix times the token."""
    return [float(row @ x) for row in weight_ED.detach()]
