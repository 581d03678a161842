"""The router of PLE; the page is README.md."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from reference_impls.core.build import expert_bank
from reference_impls.core.combine import combine
from reference_impls.core.design import Design
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import (
    DenseRouting,
    Router,
    Routing,
    RoutingContext,
    SparseRouting,
    as_float32,
    entropy,
    float32_linear,
)
from reference_impls.designs.progressive_layered_extraction.config import PLEConfig


def candidates(config: PLEConfig) -> Tensor:
    """The experts that the gate of each task combines, [K, C]: its own, then the shared."""
    K, own = config.n_tasks, config.specific_experts
    own_KO = torch.arange(K * own).view(K, own)
    shared_KS = torch.arange(K * own, config.n_experts).expand(K, -1)
    return torch.cat([own_KO, shared_KS], dim=1)


class ExtractionLevel(nn.Module):
    """A level before the last: from a stream for each task and a shared one to the next of each.

    What it makes decides about the gates of the levels above: it computes in at least float32.
    """

    candidate_KC: Tensor

    def __init__(self, config: PLEConfig) -> None:
        super().__init__()
        self.own = config.n_tasks * config.specific_experts
        self.gate_KCD = _gates(config.n_tasks, config.candidates, config.d_model)
        self.shared_gate_ED = _gates(config.n_experts, config.d_model)
        self.experts = expert_bank(config)
        self.register_buffer("candidate_KC", candidates(config), persistent=False)

    def forward(self, stream_KTD: Tensor, shared_TD: Tensor) -> tuple[Tensor, Tensor]:
        """The next stream of each task, and the next shared one."""
        K = len(stream_KTD)
        seen = [stream_KTD[e * K // self.own] for e in range(self.own)]
        seen += [shared_TD] * (self.experts.n_experts - self.own)
        weights = zip(self.experts.w_in_EID.unbind(0), self.experts.w_out_EDF.unbind(0), strict=True)
        made_ETD = torch.stack(
            [
                float32_linear(self.experts.activate(float32_linear(x_TD, w_in_ID)), w_out_DF)
                for x_TD, (w_in_ID, w_out_DF) in zip(seen, weights, strict=True)
            ]
        )
        gate_KCD = self.gate_KCD.to(stream_KTD.dtype)
        weight_KTC = torch.einsum("ktd,kcd->ktc", stream_KTD, gate_KCD).softmax(-1)
        next_KTD = torch.einsum("ktc,kctd->ktd", weight_KTC, made_ETD[self.candidate_KC])
        weight_TE = float32_linear(shared_TD, self.shared_gate_ED).softmax(-1)
        return next_KTD, torch.einsum("te,etd->td", weight_TE, made_ETD)


@dataclass(frozen=True, kw_only=True)
class LastLevel(DenseRouting):
    """Weights of the last level, and what its experts see.

    Attributes:
        own_TD: the stream of each token's task, for the experts of that task.
        shared_TD: the shared stream, for the shared experts.
        chosen_TC: experts that the gate of the token's task combines, its own first.
        n_own: how many of them are its own.
    """

    own_TD: Tensor
    shared_TD: Tensor
    chosen_TC: Tensor
    n_own: int


class PLERouter(Router):
    """The levels before the last, and the gates of the last; see README.md."""

    candidate_KC: Tensor

    def __init__(self, config: PLEConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        self.levels = nn.ModuleList(ExtractionLevel(config) for _ in range(config.levels - 1))
        self.gate_KCD = _gates(config.n_tasks, config.candidates, config.d_model)
        self.register_buffer("candidate_KC", candidates(config), persistent=False)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> LastLevel:
        """Weights of the experts of each token's task and of the shared ones, at the last level."""
        task_T = context.need("task", below=self.config.n_tasks)
        shared_TD = as_float32(x_TD)
        stream_KTD = shared_TD.expand(self.config.n_tasks, -1, -1)
        for level in self.levels:
            stream_KTD, shared_TD = level(stream_KTD, shared_TD)
        own_TD = stream_KTD[task_T, torch.arange(len(x_TD), device=x_TD.device)]
        gate_TCD = self.gate_KCD.to(own_TD.dtype)[task_T]
        weight_TC = torch.einsum("td,tcd->tc", own_TD, gate_TCD).softmax(-1)
        chosen_TC = self.candidate_KC[task_T]
        weight_TE = weight_TC.new_zeros(len(x_TD), self.n_experts).scatter(1, chosen_TC, weight_TC)
        return LastLevel(
            weight_TE=weight_TE,
            load_E=weight_TE.detach().sum(0),
            entropy=entropy(weight_TE),
            n_tokens=len(x_TD),
            own_TD=own_TD,
            shared_TD=shared_TD,
            chosen_TC=chosen_TC,
            n_own=self.config.specific_experts,
        )


class PLELayer(MoELayer):
    """Shows the experts of a task its stream, and the shared experts the shared one."""

    def routed_parameters(self) -> int:
        """Of the experts of all levels."""
        return super().routed_parameters() * (1 + len(self.router.get_submodule("levels")))  # type: ignore[arg-type]

    def combine(self, x_TD: Tensor, routing: Routing) -> Tensor:
        """Outputs of the last level."""
        assert isinstance(routing, LastLevel)
        own_TC, shared_TC = routing.chosen_TC.tensor_split([routing.n_own], dim=1)
        y_TD = combine(routing.shared_TD.to(x_TD.dtype), _only(routing, shared_TC), self.experts)
        if routing.n_own:
            y_TD = y_TD + combine(routing.own_TD.to(x_TD.dtype), _only(routing, own_TC), self.experts)
        return y_TD


def _only(routing: LastLevel, expert_TC: Tensor) -> SparseRouting:
    """The part of the decision that concerns these experts of each token."""
    T, C = expert_TC.shape
    expert_A = expert_TC.flatten()
    return SparseRouting(
        token_A=torch.arange(T, device=expert_TC.device).repeat_interleave(C),
        expert_A=expert_A,
        weight_A=routing.weight_TE.gather(1, expert_TC).flatten(),
        load_E=torch.bincount(expert_A, minlength=routing.n_experts),
        entropy=routing.entropy,
        n_tokens=T,
    )


def _gates(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(*shape) * 0.02)


def make_layer(config: PLEConfig) -> MoELayer:
    """A PLE layer: all levels of extraction, with ReLU experts."""
    return PLELayer(PLERouter(config), expert_bank(config))


DESIGN = Design(make_layer)
