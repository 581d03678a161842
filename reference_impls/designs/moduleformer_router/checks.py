"""ModuleFormer against torch's modules and distributions, and the equations in float64."""

import math
from collections.abc import Iterator
from itertools import chain
from typing import Any

import torch
from torch import nn

from reference_impls.core.losses import token_information_loss
from reference_impls.designs.moduleformer_router.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most, close, same
from reference_impls.verify.libraries import drawn, in_both
from reference_impls.verify.naive import dot_products, expert_output, largest, softmax

D, H, N, K, S = 16, 10, 6, 2, 40


def checks(entry: Entry) -> Iterator[Check]:
    """Gate and gradients, outputs and loss, the loss at its ends."""
    yield from chain(in_both(gate, rtol=1e-9, atol=1e-10), equations(), information())


def _layer(dtype: torch.dtype) -> Any:
    layer = drawn(make_layer, dtype, d_model=D, d_expert=12, n_experts=N, experts_per_token=K, gate_hidden=H).eval()
    nn.init.normal_(layer.router.hidden_bias_H)
    return layer


def _tokens(dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(S, D, generator=torch.Generator().manual_seed(5)).to(dtype)


def gate(dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """Logits and gradients beside torch's own modules with the same weights."""
    router = _layer(dtype).router
    theirs = nn.Sequential(nn.Linear(D, H), nn.GELU(), nn.Linear(H, N, bias=False)).to(dtype)
    theirs.load_state_dict({"0.weight": router.hidden_HD, "0.bias": router.hidden_bias_H, "2.weight": router.weight_EH})
    results = []
    for logits, module in ((router.logits, router), (theirs, theirs)):
        x_TD = _tokens(dtype).requires_grad_()
        logit_TE = logits(x_TD)
        direction = torch.randn(S, N, generator=torch.Generator().manual_seed(2)).to(dtype)
        gradients = torch.autograd.grad(logit_TE, [x_TD, *module.parameters()], direction)
        names = ["the tokens", "the hidden weights", "the hidden biases", "the last weights"]
        results.append({"logits": logit_TE} | {f"gradient of {n}": g for n, g in zip(names, gradients, strict=True)})
    yield from same(f"torch's nn.Sequential, {str(dtype)[6:]}", results[0], results[1], **tolerance)


def equations() -> Iterator[Check]:
    """Outputs and loss by a plain loop over tokens and experts."""
    ours, x_TD = _layer(torch.float64), _tokens(torch.float64)
    router, expected, mean, unsure = ours.router, torch.zeros(S, D, dtype=torch.float64), [0.0] * N, 0.0
    for t, x in enumerate(x_TD):
        before = [z + a for z, a in zip(dot_products(router.hidden_HD, x), router.hidden_bias_H.tolist(), strict=True)]
        hidden = torch.tensor([z * (1 + math.erf(z / math.sqrt(2))) / 2 for z in before], dtype=torch.float64)
        probability = softmax(dot_products(router.weight_EH, hidden))
        mean = [m + p / S for m, p in zip(mean, probability, strict=True)]
        unsure -= sum(p * math.log(p) for p in probability) / S
        for i in largest(probability, K):
            expected[t] += probability[i] * expert_output(ours.experts, i, x)
    y_BSD, info = ours(x_TD[None])
    yield apart("equations, by a float64 loop: outputs", y_BSD[0], expected)
    value = unsure + sum(p * math.log(p) for p in mean)
    yield apart("equations: difference of the information loss", info.losses["token_information"].value, value)


def information() -> Iterator[Check]:
    """Beside `torch.distributions`, and at its ends."""
    logit_TE = torch.randn(S, N, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    each = torch.distributions.Categorical(logits=logit_TE)
    of_mean = torch.distributions.Categorical(probs=each.probs.mean(0))
    theirs = each.entropy().mean() - of_mean.entropy()
    yield close("torch.distributions' entropies", token_information_loss(logit_TE.softmax(-1)), theirs, rtol=1e-12)
    certain = token_information_loss(torch.eye(N, dtype=torch.float64))
    yield at_most("certain tokens, evenly spread: loss apart from -ln N", (certain + math.log(N)).abs(), 1e-12)
    alike = token_information_loss(logit_TE[:1].softmax(-1).expand(S, N))
    yield at_most("tokens all alike: loss", alike.abs(), 1e-12)
    extreme_TE = (1e4 * logit_TE).requires_grad_()
    token_information_loss(extreme_TE.softmax(-1)).backward()
    assert extreme_TE.grad is not None
    yield at_least("share of finite gradients at certainty", extreme_TE.grad.isfinite().double().mean(), 1)
