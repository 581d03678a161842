"""Yuan's attention router against torch's attention, and the equations in float64."""

import math
from collections.abc import Iterator
from functools import partial
from itertools import chain

import torch
from torch.nn import functional as F

from reference_impls.designs.yuan_attention_router.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_most, same
from reference_impls.verify.libraries import drawn, in_both
from reference_impls.verify.naive import dot_products, expert_output, largest, softmax

D, N, K, S = 16, 6, 2, 40
_layer = partial(drawn, make_layer, d_model=D, d_expert=12, n_experts=N)


def checks(entry: Entry) -> Iterator[Check]:
    """Logits and gradients, outputs, what the logits can be."""
    yield from chain(in_both(attention, rtol=1e-9, atol=1e-10), equations(), properties())


def _tokens(dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(S, D, generator=torch.Generator().manual_seed(5)).to(dtype)


def attention(dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """Logits and gradients beside torch's attention, each expert a position with one number a head."""
    router, results = _layer(dtype=dtype).router, []
    weights = {"query": router.query_ED, "key": router.key_ED, "value": router.value_ED}
    for theirs in (False, True):
        x_TD = _tokens(dtype).requires_grad_()
        if theirs:
            query, key, value = (F.linear(x_TD, w)[..., None] for w in weights.values())
            logit_TE = F.scaled_dot_product_attention(query, key, value, scale=1.0)[..., 0]
        else:
            logit_TE = router.attend(x_TD)[0]
        direction = torch.randn(S, N, generator=torch.Generator().manual_seed(2)).to(dtype)
        gradients = torch.autograd.grad(logit_TE, [x_TD, *weights.values()], direction)
        named = {f"gradient of {name}": g for name, g in zip(["tokens", *weights], gradients, strict=True)}
        results.append({"logits": logit_TE} | named)
    yield from same(f"torch's attention, {str(dtype)[6:]}", results[0], results[1], **tolerance)


def equations() -> Iterator[Check]:
    """Outputs and the balancing loss by a plain loop over tokens and experts."""
    ours, x_TD = _layer(dtype=torch.float64), _tokens(torch.float64)
    router, expected, chosen, mean = ours.router, torch.zeros(S, D, dtype=torch.float64), [0.0] * N, [0.0] * N
    for t, x in enumerate(x_TD):
        query, key, value = (dot_products(w, x) for w in (router.query_ED, router.key_ED, router.value_ED))
        rows = [softmax([q * k for k in key]) for q in query]
        logits = [math.fsum(a * v for a, v in zip(row, value, strict=True)) for row in rows]
        mean = [m + p / S for m, p in zip(mean, softmax(logits), strict=True)]
        picked = largest(logits, K)
        for weight, i in zip(softmax([logits[i] for i in picked]), picked, strict=True):
            chosen[i] += N / (K * S)
            expected[t] += weight * expert_output(ours.experts, i, x)
    y_BSD, info = ours(x_TD[None])
    yield apart("equations, by a float64 loop: outputs", y_BSD[0], expected)
    loss = sum(f * p for f, p in zip(chosen, mean, strict=True))
    yield apart("equations: difference of the balancing loss", info.losses["load_balance"].value, loss)


def properties() -> Iterator[Check]:
    """Means lie within the values; equal queries give equal logits; experts have no order."""
    router, x_TD = _layer(dtype=torch.float64).router, _tokens(torch.float64)
    with torch.no_grad():
        logit_TE, value_TE = router.attend(x_TD)[0], x_TD @ router.value_ED.T
        outside = torch.maximum(logit_TE - value_TE.amax(-1, True), value_TE.amin(-1, True) - logit_TE).max()
        yield at_most("logits outside the range of the values", outside, 1e-12)
        order = torch.randperm(N, generator=torch.Generator().manual_seed(9))
        for weight in (router.query_ED, router.key_ED, router.value_ED):
            weight.copy_(weight[order])
        yield apart("change of the logits when experts are renumbered", router.attend(x_TD)[0], logit_TE[:, order])
        router.query_ED[1] = router.query_ED[0]
        gap = router.attend(x_TD)[0][:, :2].diff(dim=-1).abs().max()
        yield at_most("difference of the logits of experts with one query", gap, 0)
