"""Banks of feed-forward experts whose weights are stacked along a first axis of experts.

Weights are [experts, outputs, inputs], the layout of `torch.nn.functional.linear` and of the released
checkpoints, without biases. Being bias-free matters: an expert's output is then linear in its hidden
activation, so a routing weight may be applied to either.
"""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Experts(nn.Module, ABC):
    """Any set of experts that map tokens of width D to outputs of width D."""

    n_experts: int

    @abstractmethod
    def forward(self, x_RD: Tensor, expert: int) -> Tensor:
        """Output [R, D] of one expert for its rows; R may be 0."""


def draw(weight: Tensor, scale: float) -> None:
    """Draw a weight anew from a normal of variance `scale` / inputs, truncated at two deviations."""
    std = math.sqrt(scale / weight.shape[-1])
    nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std)


class ExpertBank(Experts):
    """E experts of one kind: `w_in_EID` makes I inputs of the hidden layer, `w_out_EDF` the output."""

    matrices_in = 1  # how many F x D matrices `w_in_EID` stacks for each expert

    def __init__(self, n_experts: int, d_model: int, d_expert: int) -> None:
        super().__init__()
        self.n_experts, self.d_model, self.d_expert = n_experts, d_model, d_expert
        self.w_in_EID = nn.Parameter(torch.empty(n_experts, self.matrices_in * d_expert, d_model))
        self.w_out_EDF = nn.Parameter(torch.empty(n_experts, d_model, d_expert))
        self.initialise(scale=1.0)

    def initialise(self, scale: float, output_scale: float | None = None) -> None:
        """Draw the weights, see `draw`; `output_scale` takes the place of `scale` for the output weights."""
        draw(self.w_in_EID, scale)
        draw(self.w_out_EDF, output_scale or scale)

    @staticmethod
    @abstractmethod
    def activate(in_RI: Tensor) -> Tensor:
        """Hidden activation [R, F] of the first product [R, I], always in new memory."""

    @classmethod
    def activate_backward(cls, in_RI: Tensor, grad_RF: Tensor) -> tuple[Tensor, Tensor]:
        """The activation once more, [R, F], and the gradient [R, I] of the first product, given the activation's.

        Both in new memory and without a graph of their own.
        """
        with torch.enable_grad():
            leaf_RI = in_RI.detach().requires_grad_()
            hidden_RF = cls.activate(leaf_RI)
            (grad_RI,) = torch.autograd.grad(hidden_RF, leaf_RI, grad_RF)
        return hidden_RF.detach(), grad_RI

    def forward(self, x_RD: Tensor, expert: int) -> Tensor:
        """Output [R, D] of one expert for its rows: the definition, written for reading."""
        hidden_RF = self.activate(F.linear(x_RD, self.w_in_EID[expert]))
        return F.linear(hidden_RF, self.w_out_EDF[expert])


class ReLUExperts(ExpertBank):
    """Experts of Switch (and T5): W_out relu(W_in x)."""

    @staticmethod
    def activate(in_RI: Tensor) -> Tensor:
        """Rectify."""
        return F.relu(in_RI)


class SwiGLUExperts(ExpertBank):
    """Experts of Mixtral: W_down (silu(W_gate x) * W_up x); `w_in_EID` stacks gate over up."""

    matrices_in = 2

    @staticmethod
    def activate(in_RI: Tensor) -> Tensor:
        """Gate the second half by the first."""
        gate_RF, up_RF = in_RI.chunk(2, dim=-1)
        return F.silu(gate_RF) * up_RF

    @classmethod
    def activate_backward(cls, in_RI: Tensor, grad_RF: Tensor) -> tuple[Tensor, Tensor]:
        """As autograd would have it, with silu(gate) computed once and each half written straight to its place."""
        gate_RF, up_RF = in_RI.chunk(2, dim=-1)
        grad_RI = torch.empty_like(in_RI)
        grad_gate_RF, grad_up_RF = grad_RI.chunk(2, dim=-1)
        silu_RF = torch.ops.aten.silu.out(gate_RF, out=grad_up_RF)
        hidden_RF: Tensor = silu_RF * up_RF
        silu_RF.mul_(grad_RF)  # now the gradient of `up`
        torch.mul(up_RF, grad_RF, out=grad_gate_RF)
        torch.ops.aten.silu_backward.grad_input(grad_gate_RF, gate_RF, grad_input=grad_gate_RF)
        return hidden_RF, grad_RI
