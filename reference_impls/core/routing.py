"""What a router is given and what it returns: the only language that routers and the layer share."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class RoutingContext:
    """What a router may know of its tokens besides their vectors.

    Padding never reaches a router: the layer hands over the real tokens only, in order, so that no router
    can count padding in a capacity or a loss by mistake.

    Attributes:
        sequence_T: which sequence each token belongs to, 0 <= . < n_sequences, not decreasing.
        n_sequences: sequences in the batch; one of them may have no real token.
    """

    sequence_T: Tensor
    n_sequences: int

    def groups(self, kind: Literal["sequence", "batch"]) -> tuple[Tensor, int]:
        """The routing group of each token and how many there are: each sequence, or all of the batch."""
        if kind == "sequence":
            return self.sequence_T, self.n_sequences
        return torch.zeros_like(self.sequence_T), 1


@dataclass(frozen=True)
class AuxiliaryLoss:
    """A loss of the router: its value unscaled, and the coefficient it enters the total with."""

    value: Tensor
    coefficient: float


@dataclass(frozen=True)
class SparseRouting:
    """Which tokens go to which experts, with which weights, as flat assignments.

    The form covers token choice with a fixed or an adaptive number of experts, expert choice, hashing and
    assignment solvers alike. Assignment a sends token `token_A[a]` to expert `expert_A[a]` and adds
    `weight_A[a]` times the expert's output to the token's. A token that appears nowhere gets zero.

    Attributes:
        token_A: token indices, int64.
        expert_A: expert indices, int64.
        weight_A: weights, at least float32, with gradient.
        demand_E: assignments that the router wanted for each expert, those lost to capacity included.
        entropy: mean over tokens of the entropy of the router's distribution over experts, in nats.
        n_tokens: tokens routed, padding excluded.
        losses: auxiliary losses by name.
    """

    token_A: Tensor
    expert_A: Tensor
    weight_A: Tensor
    demand_E: Tensor
    entropy: Tensor
    n_tokens: int
    losses: dict[str, AuxiliaryLoss] = field(default_factory=dict)

    @property
    def n_experts(self) -> int:
        """Experts of the layer, used or not."""
        return self.demand_E.numel()

    @property
    def n_dropped(self) -> int:
        """Assignments that the router wanted and capacity refused."""
        return int(self.demand_E.sum()) - self.token_A.numel()

    def at_tokens(self, index_T: Tensor) -> "SparseRouting":
        """The same routing, its tokens renumbered: token t becomes `index_T[t]`."""
        return replace(self, token_A=index_T[self.token_A])


class Router(nn.Module, ABC):
    """A linear router: logits are the token times one weight vector an expert, without bias.

    Subclasses say in `forward(x_TD, context) -> SparseRouting` how the logits become assignments.
    """

    def __init__(self, d_model: int, n_experts: int) -> None:
        super().__init__()
        self.n_experts = n_experts
        self.weight_ED = nn.Parameter(torch.empty(n_experts, d_model))
        nn.init.normal_(self.weight_ED, std=0.02)

    def logits(self, x_TD: Tensor) -> Tensor:
        """Router logits [T, E] in at least float32: in bfloat16 rounding would flip the choice of experts.

        float64 stays float64. Autocast is switched off here for the same reason.
        """
        dtype = torch.promote_types(x_TD.dtype, torch.float32)
        with torch.autocast(x_TD.device.type, enabled=False):
            return nn.functional.linear(x_TD.to(dtype), self.weight_ED.to(dtype))

    @abstractmethod
    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route the tokens; every design has its own."""

    def on_step(self, routing: SparseRouting) -> None:
        """Called after each optimiser step with its batch's routing, for biases and schedules; else nothing."""


def entropy(probability_TE: Tensor) -> Tensor:
    """Mean over tokens of the entropy of each token's distribution, in nats, without gradient; 0 of none."""
    detached_TE = probability_TE.detach()
    if len(detached_TE) == 0:
        return detached_TE.new_zeros(())
    mean: Tensor = torch.special.entr(detached_TE).sum(-1).mean()
    return mean
