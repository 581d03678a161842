"""MMoE against its equations in float64 and a plain stack of experts and gates."""

from collections.abc import Iterator
from functools import partial
from itertools import chain

import torch
from torch import Tensor

from reference_impls.designs.multi_gate_mixture.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_most
from reference_impls.verify.libraries import beside, drawn, in_both, twins
from reference_impls.verify.multitask import unrelated_tasks
from reference_impls.verify.naive import expert_output

D, H, E, K, B, S = 12, 10, 4, 3, 5, 6
TASK_B = torch.tensor([0, 2, 1, 2, 0])
_layer = partial(drawn, make_layer, d_model=D, d_expert=H, n_experts=E, n_tasks=K)


def checks(entry: Entry) -> Iterator[Check]:
    """Equations, stack, gates, training."""
    yield from chain(equations(), in_both(stack, rtol=1e-10, atol=1e-12), gates(), unrelated_tasks(entry))


def _inputs(dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(B, S, D, generator=torch.Generator().manual_seed(1)).to(dtype)


def equations() -> Iterator[Check]:
    """Outputs by a plain loop over examples and experts."""
    ours, x_BSD = _layer(), _inputs()
    expected = torch.zeros_like(x_BSD)
    for b, k in enumerate(TASK_B):
        for s, x in enumerate(x_BSD[b]):
            raised = [float(torch.exp(w @ x)) for w in ours.router.gate_KED.detach()[k]]
            for i in range(E):
                expected[b, s] += raised[i] / sum(raised) * expert_output(ours.experts, i, x)
    yield apart("equations, by a float64 loop: outputs", ours(x_BSD, task=TASK_B)[0], expected)


def stack(dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """All experts for all examples, all gates, then the rows of each task; with gradients."""
    ours = _layer(dtype=dtype)
    pairs = twins(gates=ours.router.gate_KED, w_in=ours.experts.w_in_EID, w_out=ours.experts.w_out_EDF)
    gate_KED, w_in, w_out = (pair[1] for pair in pairs.values())

    def theirs(x_BSD: Tensor) -> Tensor:
        made_BSED = torch.einsum("bseh,edh->bsed", torch.einsum("bsd,ehd->bseh", x_BSD, w_in).relu(), w_out)
        weight_KBSE = torch.einsum("bsd,ked->kbse", x_BSD, gate_KED).softmax(-1)
        by_task_KBSD = torch.einsum("kbse,bsed->kbsd", weight_KBSE, made_BSED)
        return by_task_KBSD[TASK_B, torch.arange(B)]

    name = f"a plain stack of experts and gates, {str(dtype)[6:]}"
    yield from beside(name, lambda x: ours(x, task=TASK_B)[0], theirs, _inputs(dtype), pairs, **tolerance)


def gates() -> Iterator[Check]:
    """Weights add up to one, and the gate of another task does not matter."""
    ours, x_BSD = _layer(), _inputs()
    before, info = ours(x_BSD, task=TASK_B)
    sums = info.routing.weight_TE.sum(-1)
    yield apart("weights of a gate: farthest sum from 1", sums, 1)
    with torch.no_grad():
        ours.router.gate_KED[1] += 1
        ours.router.gate_KED[1, 0] += 5
    after = ours(x_BSD, task=TASK_B)[0]
    yield at_most("the gate of task 1 changes outputs of others by", (after - before)[TASK_B != 1].abs().max(), 0)
