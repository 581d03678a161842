"""SimBal against `OlmoeSparseMoeBlock` of transformers, its loss, and what an orthonormal router promises."""

from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Any

import torch

from reference_impls.core.routing import RoutingContext
from reference_impls.designs.similarity_preserving_balance.config import SimBalConfig
from reference_impls.designs.similarity_preserving_balance.router import SimBalRouter, make_layer, orthonormality_loss
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most, close
from reference_impls.verify.libraries import beside_block, drawn, in_both, olmoe_block
from reference_impls.verify.naive import dot_products, expert_output, largest, softmax, tokens

D, F, E, B, S = 32, 48, 8, 3, 20
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E)


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs, gradients, loss, geometry."""
    for k in (1, 2, 8):
        yield from in_both(transformers_block, k)
    yield from chain(equations(), loss(), geometry())


def transformers_block(k: int, dtype: torch.dtype, **tolerance: Any) -> Iterator[Check]:
    """Outputs and all gradients beside the block of transformers with the same weights."""
    layer, block = _layer(experts_per_token=k, dtype=dtype), olmoe_block(D, F, E, k, dtype)
    yield from beside_block(f", k = {k}", layer, block, (B, S, D), k, **tolerance)


def equations() -> Iterator[Check]:
    """Outputs by a plain loop over tokens and experts."""
    ours = _layer(experts_per_token=2)
    x_TD = tokens(S, D, seed=5)
    expected = torch.zeros_like(x_TD)
    for t, x in enumerate(x_TD):
        share = softmax(dot_products(ours.router.weight_ED, x))
        for i in largest(share, 2):
            expected[t] += share[i] * expert_output(ours.experts, i, x)
    yield apart("equations, by a float64 loop: outputs", ours(x_TD[None])[0][0], expected)


def loss() -> Iterator[Check]:
    """Equation 4 entry by entry, and its gradient by another way to write it."""
    weight_ED = torch.randn(E, D, dtype=torch.float64, generator=torch.Generator().manual_seed(6)).requires_grad_()
    expected = 0.0
    for i in range(E):
        for j in range(E):
            expected += abs(sum(a * b for a, b in zip(*weight_ED[[i, j]].tolist(), strict=True)) - (i == j))
    ours = orthonormality_loss(weight_ED)
    yield apart("the loss differs from a float64 loop by", ours, expected, 1e-10)
    norm = torch.linalg.vector_norm(weight_ED @ weight_ED.T - torch.eye(E, dtype=torch.float64), ord=1)
    (theirs,) = torch.autograd.grad(norm, weight_ED)
    (gradient,) = torch.autograd.grad(ours, weight_ED)
    yield close("gradient of the loss, beside torch's 1-norm", gradient, theirs, rtol=1e-12, atol=1e-12)


def geometry() -> Iterator[Check]:
    """What orthonormality is for, and that the loss leads to it."""
    torch.manual_seed(0)
    square = SimBalRouter(SimBalConfig(d_model=E, d_expert=F, n_experts=E)).double()
    with torch.no_grad():
        torch.nn.init.orthogonal_(square.weight_ED)
    x_TD = torch.randn(S, E, dtype=torch.float64)
    logit_TE = square.logits(x_TD).detach()
    changed = (logit_TE @ logit_TE.T - x_TD @ x_TD.T).abs().max()
    yield at_most("as many experts as dimensions: products of two tokens change by", changed, 1e-12)

    router = SimBalRouter(SimBalConfig(d_model=D, d_expert=F, n_experts=E))
    context = RoutingContext.of_sequences(torch.zeros(S, dtype=torch.int64), 1)
    fresh = router(torch.randn(S, D), context).losses["orthonormality"].value
    yield at_most("the loss of a fresh router", fresh, 1e-3)
    with torch.no_grad():
        router.weight_ED.normal_(std=D**-0.5)
    before = float(orthonormality_loss(router.weight_ED).detach())
    optimiser = torch.optim.SGD(router.parameters(), lr=1e-2)
    for step in range(200):
        for group in optimiser.param_groups:
            group["lr"] = 1e-2 * (1 - step / 200)
        optimiser.zero_grad()
        orthonormality_loss(router.weight_ED).backward()
        optimiser.step()
    yield at_least("200 steps of descent divide the loss by", before / orthonormality_loss(router.weight_ED), 10)
