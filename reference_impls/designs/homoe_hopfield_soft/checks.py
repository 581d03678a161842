"""HOMOE against its equations in float64, and what a Hopfield memory promises."""

import math
from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Any

import torch

from reference_impls.designs.homoe_hopfield_soft.config import HOMOEConfig
from reference_impls.designs.homoe_hopfield_soft.router import make_layer
from reference_impls.designs.soft_moe_slots.checks import loop as soft_moe_loop
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most
from reference_impls.verify.libraries import decisive, drawn
from reference_impls.verify.naive import tokens

D, H, E, P, M, S = 16, 20, 4, 2, 5, 7
_tokens = partial(tokens, S, D)
_layer = partial(
    drawn, make_layer, d_model=D, d_expert=H, n_experts=E, slots_per_expert=P, n_prototypes=M, initial_scale=3.0
)


def checks(entry: Entry) -> Iterator[Check]:
    """Equations, retrieval, gradients."""
    yield from chain(equations(), retrieval(), silent_memory(), reach())


def equations() -> Iterator[Check]:
    """Retrieval by a plain loop, then Soft MoE's loop over the joined tokens."""
    ours = _layer(inverse_temperature=2.0)
    x_TD, patterns = _tokens(seed=5), list(ours.router.memory_PD.detach())
    joined = []
    for x in x_TD:
        raised = [math.exp(2.0 / math.sqrt(D) * float(m @ x)) for m in patterns]
        joined.append(
            x + sum((w / sum(raised) * m for w, m in zip(raised, patterns, strict=True)), torch.zeros_like(x))
        )
    yield apart(
        "equations, by a float64 loop: outputs", ours(x_TD[None])[0][0], soft_moe_loop(ours, torch.stack(joined)), 1e-10
    )


def retrieval() -> Iterator[Check]:
    """Orthogonal patterns are found again from noisy copies; one pattern is always returned."""
    ours = _layer(inverse_temperature=500.0)
    basis_DD, _ = torch.linalg.qr(torch.randn(D, D, dtype=torch.float64, generator=torch.Generator().manual_seed(8)))
    with torch.no_grad():
        ours.router.memory_PD.copy_(basis_DD[:M])
    noisy = basis_DD[:M] + 0.05 * _tokens(seed=9)[:M]
    found = ours.router.retrieve(noisy)[0].detach()
    yield apart("a pattern retrieved from a noisy copy of itself differs by", found, basis_DD[:M], 1e-6)
    one = decisive(make_layer(HOMOEConfig(d_model=D, d_expert=H, n_experts=E, n_prototypes=1)).double())
    found = one.router.retrieve(_tokens(seed=10))[0].detach()  # type: ignore[operator]
    stored: Any = one.router.memory_PD
    yield apart("a memory of one pattern returns another, by", found, stored.expand_as(found))


def silent_memory() -> Iterator[Check]:
    """With patterns of zeros the layer is Soft MoE."""
    ours, x_TD = _layer(), _tokens(seed=11)
    with torch.no_grad():
        ours.router.memory_PD.zero_()
        difference = ours(x_TD[None])[0][0] - soft_moe_loop(ours, x_TD)
    yield at_most("a memory of zeros: difference from Soft MoE", difference.abs().max(), 1e-10)


def reach() -> Iterator[Check]:
    """Every pattern has a gradient."""
    ours = _layer()
    ours(_tokens(seed=12)[None])[0].square().sum().backward()
    yield at_least("the least gradient of a pattern", ours.router.memory_PD.grad.abs().amax(1).min(), 1e-8)
