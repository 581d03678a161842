r"""# PLE: experts for each task, and for all, level by level

H. Tang, J. Liu, M. Zhao, X. Gong, *Progressive Layered Extraction (PLE): A Novel Multi-Task Learning (MTL) Model for
Personalized Recommendations*, RecSys 2020; described in section 6 of the survey of
[Cai et al., arXiv 2407.06204](https://arxiv.org/abs/2407.06204). The wiring follows a public implementation,
DeepCTR-Torch, `deepctr_torch/models/multitask/ple.py`.

## The design

Where all experts serve all tasks, one task gains what another loses. PLE parts them: at every level each task has experts
of its own beside shared ones, and its gate combines these two kinds only. Between levels run a stream for each task and
a shared one, whose gate combines all experts:

$$z_i^{(l)} = f_i^{(l)}\big(s_{o(i)}^{(l-1)}\big), \qquad
s_k^{(l)} = \sum_{i \in E_k \cup E_0} \mathrm{softmax}\big(W_k^{(l)} s_k^{(l-1)}\big)_i\; z_i^{(l)}, \qquad
s_0^{(l)} = \sum_{i} \mathrm{softmax}\big(W_0^{(l)} s_0^{(l-1)}\big)_i\; z_i^{(l)}$$

$$s_k^{(0)} = s_0^{(0)} = x, \qquad \hat y_k = h^k\big(s_k^{(L)}\big)$$

| symbol | meaning | here |
|---|---|---|
| $x$ | an input | `x_TD` |
| $s_k$, $s_0$ | stream of task $k$, and the shared one | `stream_KTD`, `shared_TD` |
| $E_k$, $E_0$ | experts of task $k$, and the shared | `specific_experts` for each task, the rest of `n_experts` |
| $o(i)$ | whose stream expert $i$ sees: its task's, or the shared | |
| $f_i^{(l)}$ | expert $i$ of level $l$, with ReLU | `router.levels[l].experts`, at the last level `experts` |
| $W_k$, $W_0$ | gates | `gate_KCD`, `shared_gate_ED` |
| $l$, $L$ | levels | `levels` (1 is the paper's customised gate control) |
| $h^k$ | the tower of task $k$ | the task's model |

The layer is told the task of each sequence and returns its stream. All levels are inside one layer. Before the last
level all experts run for every input, since the shared stream needs them; at the last, those of the input's task and
the shared. The estimate counts active experts that way, and an expert once for all its levels.

## What the metrics mean

- `squared_error`, `squared_error_1`, ...: as in MMoE. `accuracy`, `cross_entropy`: on the clustered task.
- `router_entropy`: of the gate at the last level in nats; at most the logarithm of the experts that a task can see.
- `load_cv`, `max_violation`: spread over experts of the weights of the last level, over tasks together: not even by
  design, since shared experts serve all.
- `information`: between task and expert at the last level; 0 if all tasks use shared experts alone.

## Which tokens see each other

None: an example's output depends on itself and its task.

## Where it deviates

- We know the paper from the survey and the public implementation, not from its text. That implementation has a hidden
  layer before each gate by default, and none if told so: ours have none.
- Experts have two matrices without biases; inputs have a constant coordinate, as in MMoE.
- The regressions of the MMoE paper stand in for the authors' recommendation data.
- On the clustered task (not the paper's) a sequence's cluster is its task; 16 tasks have one expert each and share four,
  at one level.
- The levels before the last are computed in float32 or wider, since the gates above depend on them.

## What it was checked against

A plain float64 loop over levels, streams and experts; the wiring of the public implementation (lists of expert
outputs, stacked by gate), outputs and gradients, for one, two and three levels; with no expert of a task's own and one
level it is MMoE; experts of one task have no gradient from another at the last level; on two unrelated regressions a
short training beats a dense layer of the same active width.

## How long, and what to see

Well under a minute. `information` shows how much tasks rely on their own experts; it falls as `task_correlation` goes to 1.
`specific_experts = 0` with `levels = 1` is MMoE: the comparison of the two is the paper's point.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from reference_impls.configs.ple import PLEConfig
from reference_impls.core.build import expert_bank
from reference_impls.core.combine import combine
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import (
    DenseRouting,
    Router,
    Routing,
    RoutingContext,
    SparseRouting,
    entropy,
    wide,
    wide_linear,
)


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
                wide_linear(self.experts.activate(wide_linear(x_TD, w_in_ID)), w_out_DF)
                for x_TD, (w_in_ID, w_out_DF) in zip(seen, weights, strict=True)
            ]
        )
        gate_KCD = self.gate_KCD.to(stream_KTD.dtype)
        weight_KTC = torch.einsum("ktd,kcd->ktc", stream_KTD, gate_KCD).softmax(-1)
        next_KTD = torch.einsum("ktc,kctd->ktd", weight_KTC, made_ETD[self.candidate_KC])
        weight_TE = wide_linear(shared_TD, self.shared_gate_ED).softmax(-1)
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
    """The levels before the last, and the gates of the last; see the module's docstring."""

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
        shared_TD = wide(x_TD)
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
            demand_E=weight_TE.detach().sum(0),
            entropy=entropy(weight_TE),
            n_tokens=len(x_TD),
            own_TD=own_TD,
            shared_TD=shared_TD,
            chosen_TC=chosen_TC,
            n_own=self.config.specific_experts,
        )


class PLELayer(MoELayer):
    """Shows the experts of a task its stream, and the shared experts the shared one."""

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
        demand_E=torch.bincount(expert_A, minlength=routing.n_experts),
        entropy=routing.entropy,
        n_tokens=T,
    )


def _gates(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(*shape) * 0.02)


def make_layer(config: PLEConfig) -> MoELayer:
    """A PLE layer: all levels of extraction, with ReLU experts."""
    return PLELayer(PLERouter(config), expert_bank(config))
