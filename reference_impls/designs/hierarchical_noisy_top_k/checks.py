"""Two-level noisy top-k against its equations in float64 loops, and against the flat gate where they meet."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from reference_impls.designs.hierarchical_noisy_top_k.router import make_layer
from reference_impls.designs.noisy_top_k import router as noisy_topk
from reference_impls.designs.noisy_top_k.checks import chosen_weights, gate_of, noise, probability_of
from reference_impls.designs.noisy_top_k.config import NoisyTopKConfig
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least
from reference_impls.verify.libraries import drawn
from reference_impls.verify.naive import beside_loop, expert_output, squared_cv, tokens

D, F, A, B, S = 16, 12, 4, 3, 20
E = A * B
_tokens = partial(tokens, 1, S, D, seed=5)
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E, n_groups=A)


def checks(entry: Entry) -> Iterator[Check]:
    """Equations with and without noise, the flat gate as a special case, the load loss's reach."""
    for groups_per_token, experts_per_group in ((1, 1), (2, 2), (A, B)):
        for training in (False, True):
            yield from equations(groups_per_token, experts_per_group, training)
    yield from flat_gate()
    yield from first_gate_learns()


def equations(groups_per_token: int, experts_per_group: int, training: bool) -> Iterator[Check]:
    """Outputs, importance and load by plain loops over tokens, groups and experts."""
    layer = _layer(groups_per_token=groups_per_token, experts_per_group=experts_per_group).train(training)
    x_BSD, primary, secondary = _tokens(), layer.router.primary, layer.router.secondary
    first, second = noise((S * (A + E),)).split([S * A, S * E]) if training else (None, None)
    first_SA: Any = [None] * S if first is None else first.view(S, A)
    second_SAB: Any = [[None] * A] * S if second is None else second.view(S, A, B)
    expected = torch.zeros_like(x_BSD[0])
    importance, inside, group_load, visits = [0.0] * E, [0.0] * E, [0.0] * A, [0] * A
    for t, x in enumerate(x_BSD[0]):
        groups = gate_of(x, primary.weight_ED, primary.noise_ED, first_SA[t], 0.01)
        group_weights = chosen_weights(groups[1], groups_per_token)
        for a in range(A):
            group_load[a] += probability_of(*groups, groups_per_token, a) if training else float(a in group_weights)
            if a not in group_weights:
                continue
            visits[a] += 1
            rows = slice(a * B, (a + 1) * B)
            inner = gate_of(x, secondary.weight_ED[rows], secondary.noise_ED[rows], second_SAB[t][a], 0.01)
            weights = chosen_weights(inner[1], experts_per_group)
            for b in range(B):
                inside[a * B + b] += probability_of(*inner, experts_per_group, b) if training else float(b in weights)
                if b in weights:
                    weight = group_weights[a] * weights[b]
                    expected[t] += weight * expert_output(layer.experts, a * B + b, x)
                    importance[a * B + b] += weight
    load = [group_load[e // B] * inside[e] / max(visits[e // B], 1) for e in range(E)]
    torch.manual_seed(9)
    name = f"equations, {groups_per_token} x {experts_per_group} experts, {'with' if training else 'without'} noise"
    losses = {"importance": squared_cv(importance), "load": squared_cv(load)}
    yield from beside_loop(name, layer(x_BSD), expected, losses)


def flat_gate() -> Iterator[Check]:
    """One group of all experts, or groups of one expert each, is the flat gate."""
    config = NoisyTopKConfig(d_model=D, d_expert=F, n_experts=E, experts_per_token=2)
    flat: Any = noisy_topk.make_layer(config).double().eval()
    x_BSD = _tokens()
    for n_groups, gate in ((1, "secondary"), (E, "primary")):
        layer = _layer(
            groups_per_token=min(2, n_groups), experts_per_group=1 if n_groups > 1 else 2, n_groups=n_groups
        ).eval()
        flat.router.gate.load_state_dict(getattr(layer.router, gate).state_dict())
        flat.experts.load_state_dict(layer.experts.state_dict())
        yield apart(
            f"with {n_groups} group(s) the outputs differ from the flat gate's by", layer(x_BSD)[0], flat(x_BSD)[0]
        )


def first_gate_learns() -> Iterator[Check]:
    """The load loss has a gradient in the first gate, which is why it has its form."""
    layer = _layer(groups_per_token=2, experts_per_group=2).train()
    loss = layer(_tokens())[1].losses["load"].value
    (gradient,) = torch.autograd.grad(loss, layer.router.primary.weight_ED)
    yield at_least("largest gradient of the load loss in the first gate", gradient.abs().max(), 1e-6)
