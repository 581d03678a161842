"""PLE against a loop over levels, the wiring of a public implementation, and MMoE."""

from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from reference_impls.designs.multi_gate_mixture import router as mmoe
from reference_impls.designs.multi_gate_mixture.config import MMoEConfig
from reference_impls.designs.progressive_layered_extraction.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_least, at_most
from reference_impls.verify.libraries import beside, drawn, in_both, twins
from reference_impls.verify.multitask import unrelated_tasks
from reference_impls.verify.naive import expert_output, softmax

D, H, K, OWN, SHARED, B, S = 12, 10, 3, 2, 2, 5, 4
E = K * OWN + SHARED
TASK_B = torch.tensor([0, 2, 1, 2, 0])
_layer = partial(drawn, make_layer, d_model=D, d_expert=H, n_experts=E, n_tasks=K, specific_experts=OWN)


def checks(entry: Entry) -> Iterator[Check]:
    """Loop, wiring, MMoE, separation, training."""
    for levels in (1, 2, 3):
        yield from chain(loop(levels), in_both(wiring, levels, rtol=1e-10, atol=1e-12))
    yield from chain(without_own_experts(), separation(), unrelated_tasks(entry))


def _inputs(dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(B, S, D, generator=torch.Generator().manual_seed(1)).to(dtype)


def _banks(layer: Any) -> list[Any]:
    return [*(level.experts for level in layer.router.levels), layer.experts]


def loop(levels: int) -> Iterator[Check]:
    """One example at a time through every level, stream and expert."""
    ours, x_BSD = _layer(levels=levels), _inputs()
    gates = [level.gate_KCD.detach() for level in ours.router.levels] + [ours.router.gate_KCD.detach()]
    expected = torch.zeros_like(x_BSD)
    for b, task in enumerate(TASK_B.tolist()):
        for s, x in enumerate(x_BSD[b]):
            streams = [x] * (K + 1)  # the shared one last
            for number, (bank, gate_KCD) in enumerate(zip(_banks(ours), gates, strict=True)):
                made = []
                for e in range(E):
                    seen = streams[e // OWN] if e < K * OWN else streams[K]
                    made.append(expert_output(bank, e, seen))
                following = []
                for k in range(K):
                    visible = [made[k * OWN + j] for j in range(OWN)] + made[K * OWN :]
                    weight = softmax([float(w @ streams[k]) for w in gate_KCD[k]])
                    following.append(sum((w * z for w, z in zip(weight, visible, strict=True)), torch.zeros_like(x)))
                if number < levels - 1:
                    shared_gate = ours.router.levels[number].shared_gate_ED.detach()
                    weight = softmax([float(w @ streams[K]) for w in shared_gate])
                    following.append(sum((w * z for w, z in zip(weight, made, strict=True)), torch.zeros_like(x)))
                streams = following
            expected[b, s] = streams[task]
    worst = (ours(x_BSD, task=TASK_B)[0].detach() - expected).abs().max()
    name = f"levels, streams and experts, by a float64 loop, {levels} levels"
    yield at_most(f"{name}: outputs", worst, 1e-12)


def wiring(levels: int, dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """Lists of expert outputs, stacked for each gate and multiplied by it, as a public implementation has it."""
    ours = _layer(levels=levels, dtype=dtype)
    pairs = twins(**dict(ours.named_parameters()))
    theirs_of = {name: pair[1] for name, pair in pairs.items()}

    def part(level: int, name: str) -> Tensor:
        last = level == levels - 1
        inside = "" if last and name.startswith("experts") else ("router." if last else f"router.levels.{level}.")
        leaf: Tensor = theirs_of[inside + name]
        return leaf

    def theirs(x_BSD: Tensor) -> Tensor:
        inputs = [x_BSD.flatten(0, 1)] * (K + 1)
        for level in range(levels):
            w_in, w_out = part(level, "experts.w_in_EID"), part(level, "experts.w_out_EDF")

            def run(e: int, x_TD: Tensor, w_in: Tensor = w_in, w_out: Tensor = w_out) -> Tensor:
                made: Tensor = (x_TD @ w_in[e].T).relu() @ w_out[e].T
                return made

            specific = [[run(k * OWN + j, inputs[k]) for j in range(OWN)] for k in range(K)]
            shared = [run(K * OWN + j, inputs[K]) for j in range(SHARED)]
            outputs = []
            for k in range(K):
                stacked = torch.stack(specific[k] + shared, dim=1)
                weight = (inputs[k] @ part(level, "gate_KCD")[k].T).softmax(1)
                outputs.append((weight[:, None] @ stacked)[:, 0])
            if level < levels - 1:
                stacked = torch.stack([z for of_task in specific for z in of_task] + shared, dim=1)
                weight = (inputs[K] @ part(level, "shared_gate_ED").T).softmax(1)
                outputs.append((weight[:, None] @ stacked)[:, 0])
            inputs = outputs
        by_task_KBSD: Tensor = torch.stack(inputs).view(K, B, S, D)
        return by_task_KBSD[TASK_B, torch.arange(B)]

    name = f"the wiring of a public implementation, {levels} levels, {str(dtype)[6:]}"
    yield from beside(name, lambda x: ours(x, task=TASK_B)[0], theirs, _inputs(dtype), pairs, **tolerance)


def without_own_experts() -> Iterator[Check]:
    """One level and shared experts alone: MMoE."""
    ours = _layer(levels=1, specific_experts=0)
    theirs: Any = mmoe.make_layer(MMoEConfig(d_model=D, d_expert=H, n_experts=E, n_tasks=K)).double()
    with torch.no_grad():
        theirs.router.gate_KED.copy_(ours.router.gate_KCD)
        for weight, copy in zip(ours.experts.parameters(), theirs.experts.parameters(), strict=True):
            copy.copy_(weight)
        difference = ours(_inputs(), task=TASK_B)[0] - theirs(_inputs(), task=TASK_B)[0]
    yield at_most("without experts of a task's own: difference from MMoE", difference.abs().max(), 1e-12)


def separation() -> Iterator[Check]:
    """One task teaches its own experts and the shared ones, at the last level no other."""
    ours = _layer(levels=2)
    ours(_inputs(), task=torch.ones(B, dtype=torch.int64))[0].square().sum().backward()
    size_E = ours.experts.w_in_EID.grad.abs().amax((1, 2))
    own = torch.arange(E) // OWN
    yield at_most("gradient of another task's experts at the last level", size_E[(own != 1) & (own < K)].max(), 0)
    yield at_least("least gradient of the task's and the shared experts", size_E[(own == 1) | (own >= K)].min(), 1e-8)
