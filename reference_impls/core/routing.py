"""What a router is given and what it returns: the only language that routers and the layer share."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, Self, TypeVar

import torch
from torch import Tensor, nn

from reference_impls.config import LayerConfig

Config = TypeVar("Config", bound=LayerConfig)
ContextName = Literal["token_id", "domain", "task"]


@dataclass(frozen=True)
class RoutingContext:
    """What a router may know of its tokens besides their vectors.

    Padding never reaches a router: the layer hands over the real tokens only, in order, so that no router
    can count padding in a capacity or a loss by mistake.

    Attributes:
        sequence_T: which sequence each token belongs to, 0 <= . < n_sequences, not decreasing.
        n_sequences: sequences in the batch; one of them may have no real token.
        position_T: place of each token in its sequence, from 0, padding not counted.
        given: what else the caller knows of each token, by name, int64 [T]: its `token_id`, and the `domain`
            or `task` of its sequence.
    """

    sequence_T: Tensor
    n_sequences: int
    position_T: Tensor
    given: Mapping[ContextName, Tensor] = field(default_factory=dict)

    @classmethod
    def of_sequences(
        cls, sequence_T: Tensor, n_sequences: int, given: Mapping[ContextName, Tensor] | None = None
    ) -> "RoutingContext":
        """The context of tokens that lie sequence by sequence."""
        length_G = torch.bincount(sequence_T, minlength=n_sequences)
        first_G = length_G.cumsum(0) - length_G
        position_T = torch.arange(len(sequence_T), device=sequence_T.device) - first_G[sequence_T]
        return cls(sequence_T, n_sequences, position_T, given or {})

    def groups(self, kind: Literal["sequence", "batch"]) -> tuple[Tensor, int]:
        """The routing group of each token and how many there are: each sequence, or all of the batch."""
        if kind == "sequence":
            return self.sequence_T, self.n_sequences
        return torch.zeros_like(self.sequence_T), 1

    def need(self, name: ContextName, below: int | None = None) -> Tensor:
        """What this design cannot route without, int64 [T].

        Args:
            name: which argument of the layer.
            below: how many values it may have, where the design keeps something for each: 0 to `below` - 1.

        Raises:
            ValueError: naming the argument that was not given, or that is out of bounds.
        """
        if name not in self.given:
            raise ValueError(f"this design routes by {name}: call the layer with {name}=…")
        value_T = self.given[name]
        if below is not None and value_T.numel():
            least, most = int(value_T.min()), int(value_T.max())
            if not 0 <= least <= most < below:
                raise ValueError(f"{name} reaches from {least} to {most}, and must lie between 0 and {below - 1}")
        return value_T

    def repeat(self, times: int) -> "RoutingContext":
        """Each token `times` in a row, for designs that split a token into parts."""
        return RoutingContext(
            self.sequence_T.repeat_interleave(times),
            self.n_sequences,
            self.position_T.repeat_interleave(times),
            {name: value.repeat_interleave(times) for name, value in self.given.items()},
        )


@dataclass(frozen=True)
class AuxiliaryLoss:
    """A loss of the router: its value unscaled, and the coefficient it enters the total with."""

    value: Tensor
    coefficient: float


@dataclass(frozen=True, kw_only=True)
class Routing(ABC):
    """What every router reports, whatever the form of its decision.

    Attributes:
        load_E: what the router wanted of each expert: assignments, those lost to capacity included, or
            the sum of weights where every token reaches every expert. At least float32 or int64.
        entropy: mean over tokens of the entropy of the router's distribution over experts, in nats.
        n_tokens: tokens routed, padding excluded.
        losses: auxiliary losses by name.
        stats: other measurements of the design by name; the page says what each means.
        identity_T: weight with which each token is added to its own output (zero-computation experts); none
            where the design has no such expert.
        shared_T: weight of the shared expert's output for each token; 1 where there is none.
    """

    load_E: Tensor
    entropy: Tensor
    n_tokens: int
    losses: dict[str, AuxiliaryLoss] = field(default_factory=dict)
    stats: dict[str, float] = field(default_factory=dict)
    identity_T: Tensor | None = None
    shared_T: Tensor | None = None

    @property
    def n_experts(self) -> int:
        """Experts of the layer, used or not."""
        return self.load_E.numel()

    @property
    def n_dropped(self) -> int:
        """Assignments that the router wanted and capacity refused."""
        return 0

    @abstractmethod
    def share_TE(self) -> Tensor:
        """How much of each expert each token got, [T, E], without gradient: what specialisation is judged by."""

    def with_losses(self, losses: Mapping[str, AuxiliaryLoss]) -> "Routing":
        """The same decision with further losses."""
        return replace(self, losses={**self.losses, **losses})


@dataclass(frozen=True, kw_only=True)
class SparseRouting(Routing):
    """Which tokens go to which experts, with which weights, as flat assignments.

    The form covers token choice with a fixed or an adaptive number of experts, expert choice, hashing and
    assignment solvers alike. Assignment a sends token `token_A[a]` to expert `expert_A[a]` and adds
    `weight_A[a]` times the expert's output to the token's. A token that appears nowhere gets zero.

    Attributes:
        token_A: token indices, int64, counting the real tokens.
        expert_A: expert indices, int64.
        weight_A: weights, at least float32, with gradient.
    """

    token_A: Tensor
    expert_A: Tensor
    weight_A: Tensor

    @property
    def n_dropped(self) -> int:
        """Assignments that the router wanted and capacity refused."""
        return int(self.load_E.sum()) - self.token_A.numel()

    def only(self, kept_A: Tensor) -> Self:
        """The same demand, of which the assignments marked in `kept_A` are served."""
        return replace(
            self, token_A=self.token_A[kept_A], expert_A=self.expert_A[kept_A], weight_A=self.weight_A[kept_A]
        )

    def share_TE(self) -> Tensor:
        """Weights by token and expert."""
        share = self.weight_A.new_zeros(self.n_tokens, self.n_experts)
        return share.index_put_((self.token_A, self.expert_A), self.weight_A.detach(), accumulate=True)


@dataclass(frozen=True, kw_only=True)
class DenseRouting(Routing):
    """Every token goes to every expert.

    Attributes:
        weight_TE: weights of the experts' outputs.
    """

    weight_TE: Tensor

    def share_TE(self) -> Tensor:
        """The weights."""
        return self.weight_TE.detach()

    def as_sparse(self) -> SparseRouting:
        """The same decision as T * E assignments."""
        T, E = self.weight_TE.shape
        index = torch.arange(T * E, device=self.weight_TE.device)
        return SparseRouting(
            token_A=index // E, expert_A=index % E, weight_A=self.weight_TE.flatten(),
            load_E=torch.full_like(self.load_E, T, dtype=torch.int64), entropy=self.entropy, n_tokens=T,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SoftRouting(Routing):
    """Experts work on slots, each a weighted sum of the tokens of a group.

    Slot s of expert e in group g reads sum over the group's tokens of `dispatch_TES[t, e, s] * x_t`; a token
    receives the sum over its group's slots of `combine_TES[t, e, s]` times the slot's output.

    Attributes:
        dispatch_TES: what each slot takes of each token.
        combine_TES: what each token takes of each slot.
        group_T: the group of each token.
        n_groups: number of groups.
    """

    dispatch_TES: Tensor
    combine_TES: Tensor
    group_T: Tensor
    n_groups: int

    def share_TE(self) -> Tensor:
        """What each token takes of all slots of an expert."""
        return self.combine_TES.detach().sum(-1)


@dataclass(frozen=True, kw_only=True)
class MergeRouting(Routing):
    """The experts' weights are averaged into one expert for each group of tokens.

    Attributes:
        weight_GE: weights of the experts' parameters for each group.
        group_T: the group of each token.
    """

    weight_GE: Tensor
    group_T: Tensor

    def share_TE(self) -> Tensor:
        """The weights that made the token's expert."""
        return self.weight_GE.detach()[self.group_T]


@dataclass(frozen=True)
class Progress:
    """Where a training run stands, for schedules: `step` optimiser steps done of `steps`."""

    step: int
    steps: int

    @property
    def fraction(self) -> float:
        """0 at the start, 1 at the end."""
        return self.step / max(self.steps, 1)


class Router(nn.Module, ABC):
    """Decides which experts see which tokens; every design has its own."""

    def __init__(self, n_experts: int) -> None:
        super().__init__()
        self.n_experts = n_experts

    @abstractmethod
    def forward(self, x_TD: Tensor, context: RoutingContext) -> Routing:
        """Route the tokens."""

    def idle_parameters(self) -> int:
        """Parameters that one token does not use: of a table all rows but its own, of several gates the others."""
        return 0

    def on_step(self, routing: Routing, progress: Progress) -> None:
        """Called after each optimiser step with its batch's routing, for biases, stages and schedules.

        The default does nothing. What it changes belongs in buffers, so that a checkpoint holds it.
        """


class LinearRouter(Router, Generic[Config]):
    """A router whose logits are the token times one weight vector an expert, without bias.

    The number of experts is the config's unless given.
    """

    def __init__(self, config: Config, n_experts: int | None = None) -> None:
        super().__init__(config.n_experts if n_experts is None else n_experts)
        self.config = config
        self.weight_ED = nn.Parameter(torch.empty(self.n_experts, config.d_model))
        nn.init.normal_(self.weight_ED, std=0.02)

    def logits(self, x_TD: Tensor) -> Tensor:
        """Router logits [T, E], see `float32_linear`."""
        return float32_linear(x_TD, self.weight_ED)


def float32_linear(x_TD: Tensor, weight_ED: Tensor, bias_E: Tensor | None = None) -> Tensor:
    """x W^T + b in at least float32: in bfloat16 rounding would flip the choice of experts.

    float64 stays float64. Autocast is switched off here for the same reason.
    """
    dtype = as_float32(x_TD).dtype
    with torch.autocast(x_TD.device.type, enabled=False):
        bias = None if bias_E is None else bias_E.to(dtype)
        return nn.functional.linear(x_TD.to(dtype), weight_ED.to(dtype), bias)


def as_float32(x: Tensor) -> Tensor:
    """The same numbers in at least float32; float64 stays float64."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def top_k_routing(
    weight_TK: Tensor,
    expert_TK: Tensor,
    n_experts: int,
    *,
    probability_TE: Tensor,
    losses: dict[str, AuxiliaryLoss] | None = None,
    stats: dict[str, float] | None = None,
) -> SparseRouting:
    """Every token to its k experts, none dropped; `probability_TE` is what the entropy is taken of."""
    T, K = expert_TK.shape
    return SparseRouting(
        token_A=torch.arange(T, device=expert_TK.device).repeat_interleave(K),
        expert_A=expert_TK.flatten(),
        weight_A=weight_TK.flatten(),
        load_E=torch.bincount(expert_TK.flatten(), minlength=n_experts),
        entropy=entropy(probability_TE),
        n_tokens=T,
        losses=losses or {},
        stats=stats or {},
    )


def dense_routing(
    weight_TE: Tensor,
    *,
    probability_TE: Tensor | None = None,
    losses: dict[str, AuxiliaryLoss] | None = None,
    stats: dict[str, float] | None = None,
) -> DenseRouting:
    """Every token to every expert; the entropy is taken of `probability_TE`, or of the weights."""
    return DenseRouting(
        weight_TE=weight_TE,
        load_E=weight_TE.detach().sum(0),
        entropy=entropy(weight_TE if probability_TE is None else probability_TE),
        n_tokens=len(weight_TE),
        losses=losses or {},
        stats=stats or {},
    )


def look_up(table_VK: Tensor, token_id_T: Tensor) -> Tensor:
    """The rows of a table for token ids.

    Raises:
        ValueError: if a token id lies outside the table.
    """
    if token_id_T.numel() and not 0 <= int(token_id_T.min()) <= int(token_id_T.max()) < len(table_VK):
        raise ValueError(
            f"token ids reach from {int(token_id_T.min())} to {int(token_id_T.max())}, the table has "
            f"vocabulary = {len(table_VK)}"
        )
    return table_VK[token_id_T]


def routing_by_rule(
    x_TD: Tensor, expert_TK: Tensor, n_experts: int, stats: dict[str, float] | None = None
) -> SparseRouting:
    """Every token to the k experts that the rule names, all with the same weight; hence an entropy of 0."""
    certain_T1 = as_float32(x_TD).new_ones(len(x_TD), 1)
    weight_TK = (certain_T1 / expert_TK.shape[1]).expand(expert_TK.shape)
    return top_k_routing(weight_TK, expert_TK, n_experts, probability_TE=certain_T1, stats=stats)


def entropy(probability_TE: Tensor) -> Tensor:
    """Mean over tokens of the entropy of each token's distribution, in nats, without gradient; 0 of none."""
    detached_TE = probability_TE.detach()
    if len(detached_TE) == 0:
        return detached_TE.new_zeros(())
    mean: Tensor = torch.special.entr(detached_TE).sum(-1).mean()
    return mean
