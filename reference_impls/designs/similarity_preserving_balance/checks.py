"""SimBal against `OlmoeSparseMoeBlock` of transformers, its loss, and what an orthonormal router promises."""

from collections.abc import Iterator
from typing import Any

import torch

from reference_impls.core.routing import RoutingContext
from reference_impls.designs.similarity_preserving_balance.config import SimBalConfig
from reference_impls.designs.similarity_preserving_balance.router import SimBalRouter, make_layer, orthonormality_loss
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_least, at_most, close
from reference_impls.verify.libraries import (
    against_library,
    block_of,
    clear_tokens,
    decisive,
    share_weights,
    weight_map,
)
from reference_impls.verify.naive import expert_output, largest, tokens

D, F, E, B, S = 32, 48, 8, 3, 20


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs, gradients, loss, geometry."""
    for k in (1, 2, 8):
        yield from transformers_block(k, torch.float32, rtol=1e-4, atol=1e-5)
        # The reference computes router probabilities in float32 whatever the input: hence not tighter in float64.
        yield from transformers_block(k, torch.float64, rtol=1e-5, atol=1e-5)
    yield from equations()
    yield from loss()
    yield from geometry()


def _layer(k: int, dtype: torch.dtype) -> Any:
    torch.manual_seed(0)
    config = SimBalConfig(d_model=D, d_expert=F, n_experts=E, experts_per_token=k)
    return decisive(make_layer(config).to(dtype))


def transformers_block(k: int, dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """Outputs and all gradients beside the block of transformers with the same weights."""
    from transformers import OlmoeConfig
    from transformers.models.olmoe.modeling_olmoe import OlmoeSparseMoeBlock

    config = OlmoeConfig(hidden_size=D, intermediate_size=F, num_experts=E, num_experts_per_tok=k, norm_topk_prob=False)
    block = block_of(OlmoeSparseMoeBlock, config, dtype)
    ours = _layer(k, dtype)
    pairs = weight_map(ours, block)
    share_weights(pairs)
    x_BSD = clear_tokens(lambda x: ours.router.logits(x).softmax(-1), k, (B, S, D), dtype=dtype)
    name = f"transformers' OlmoeSparseMoeBlock, k = {k}, {str(dtype)[6:]}"
    yield from against_library(name, ours, block, x_BSD, pairs, **tolerance)


def equations() -> Iterator[Check]:
    """Outputs by a plain loop over tokens and experts."""
    ours = _layer(2, torch.float64)
    x_TD = tokens(S, D, seed=5)
    expected = torch.zeros_like(x_TD)
    for t, x in enumerate(x_TD):
        exponents = [float((r @ x).exp()) for r in ours.router.weight_ED.detach()]
        for i in largest(exponents, 2):
            expected[t] += exponents[i] / sum(exponents) * expert_output(ours.experts, i, x)
    worst = (ours(x_TD[None])[0][0].detach() - expected).abs().max()
    yield at_most("equations, by a float64 loop: largest difference of the outputs", worst, 1e-12)


def loss() -> Iterator[Check]:
    """Equation 4 entry by entry, and its gradient by another way to write it."""
    weight_ED = torch.randn(E, D, dtype=torch.float64, generator=torch.Generator().manual_seed(6)).requires_grad_()
    expected = 0.0
    for i in range(E):
        for j in range(E):
            expected += abs(sum(a * b for a, b in zip(*weight_ED[[i, j]].tolist(), strict=True)) - (i == j))
    ours = orthonormality_loss(weight_ED)
    yield at_most("the loss differs from a float64 loop by", abs(float(ours.detach()) - expected), 1e-10)
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
