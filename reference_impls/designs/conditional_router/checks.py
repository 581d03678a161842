"""Routing by attributes against the equations in float64, gradients by finite differences."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from reference_impls.designs.conditional_router.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most, worst_of
from reference_impls.verify.libraries import drawn
from reference_impls.verify.naive import expert_output, largest, slope_error

D, F, E = 16, 8, 5
TEXT = b"Def f(x):\n\treturn [x, 7] # caf\xc3\xa9"


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs, gradients, and that the kind alone decides."""
    for noise, training, k, activation in (
        ("none", False, 2, "none"), ("gumbel", True, 2, "gelu"), ("gumbel", True, 1, "none"),
        ("normal", True, 2, "none"),
    ):  # fmt: skip
        yield from outputs(noise, training, k, activation)
    yield from gradients()
    yield from the_kind_alone_decides()


def _layer(**fields: Any) -> Any:
    layer = drawn(make_layer, **({"d_model": D, "d_expert": F, "n_experts": E} | fields))
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for weight in layer.router.parameters():
            if weight.dim() == 1:
                weight.add_(0.3 * torch.randn(weight.shape, generator=generator))
    return layer


def _tokens() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    return torch.tensor([list(TEXT)]), torch.randn(1, len(TEXT), D, dtype=torch.float64, generator=generator)


def _attributes(byte: int) -> list[float]:
    """The eight attributes, from the bytes' own methods."""
    sign = bytes([byte])
    inside = sign.isascii() and (sign.isspace() or chr(byte).isprintable())
    signs = b"!\"#$%&'*+,-./:;=?@\\^_`|~"
    return [
        float(value)
        for value in (
            sign.isalpha(), sign.isupper(), sign.isdigit(), inside and sign.isspace(), sign in (b"\n", b"\r"),
            sign in b"()[]{}<>", sign in signs, not inside,
        )
    ]  # fmt: skip


def _output(layer: Any, x: Tensor, byte: int, noise: list[float], into_weights: bool) -> Tensor:
    """One token's output by the equations."""
    router, config = layer.router, layer.router.config
    h = [
        b + sum(w * a for w, a in zip(row, _attributes(byte), strict=True))
        for row, b in zip(router.attribute_map.weight.tolist(), router.attribute_map.bias.tolist(), strict=True)
    ]
    if config.router_activation == "gelu":
        h = [v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in h]
    mean = sum(h) / D
    spread = math.sqrt(sum((v - mean) ** 2 for v in h) / D + 1e-5)
    scale, shift = router.norm.weight.tolist(), router.norm.bias.tolist()
    h = [(v - mean) / spread * g + b for v, g, b in zip(h, scale, shift, strict=True)]
    logits = [sum(w * v for w, v in zip(row, h, strict=True)) for row in router.weight_ED.tolist()]
    noisy = [value + n for value, n in zip(logits, noise, strict=True)]
    best = largest(noisy, config.experts_per_token)
    exponents = [math.exp(value) for value in (noisy if into_weights else logits)]
    total = sum(exponents[i] for i in best) if len(best) > 1 else sum(exponents)
    y = torch.zeros(D, dtype=torch.float64)
    for i in best:
        y += exponents[i] / total * expert_output(layer.experts, i, x)
    return y


def outputs(noise: str, training: bool, k: int, activation: str) -> Iterator[Check]:
    """Outputs by a plain loop over the characters of a text."""
    ours = _layer(noise=noise, experts_per_token=k, router_activation=activation, noise_scale=1.5).train(training)
    token_id, x_BSD = _tokens()
    torch.manual_seed(3)
    drawn = torch.zeros(len(TEXT), E, dtype=torch.float64)
    if noise == "gumbel":
        drawn = -1.5 * drawn.exponential_().log()
    elif noise == "normal":
        drawn = 1.5 / E * torch.randn(len(TEXT), E, dtype=torch.float64)
    expected = torch.stack(
        [_output(ours, x_BSD[0, s], TEXT[s], drawn[s].tolist(), noise == "normal") for s in range(len(TEXT))]
    )
    torch.manual_seed(3)
    made = ours(x_BSD, token_id=token_id)[0][0]
    yield apart(f"equations, {noise} noise, k = {k}, by a float64 loop: outputs", made, expected)


def gradients() -> Iterator[Check]:
    """The gradient of each of the router's weights along a direction, by differences of the loop's outputs."""
    ours = _layer(noise="none").train()
    token_id, x_BSD = _tokens()
    direction = torch.randn(len(TEXT), D, dtype=torch.float64, generator=torch.Generator().manual_seed(6))

    def by_loop() -> float:
        none = [0.0] * E
        return sum(float(_output(ours, x_BSD[0, s], TEXT[s], none, False) @ direction[s]) for s in range(len(TEXT)))

    (ours(x_BSD, token_id=token_id)[0][0] * direction).sum().backward()
    worst = worst_of(*(slope_error(by_loop, weight, weight.grad, 1e-5) for weight in ours.router.parameters()))
    yield at_most("gradients of the router's weights, against finite differences of the loop", worst, 1e-8)


def the_kind_alone_decides() -> Iterator[Check]:
    """Outside training a byte's route does not hang on its vector, and there are few routes."""
    ours = _layer().eval()
    token_id, x_BSD = _tokens()
    first, second = (ours(x, token_id=token_id)[1].routing for x in (x_BSD, torch.randn_like(x_BSD)))
    yield apart("other vectors change the routes by", first.share_TE(), second.share_TE(), 0)
    kinds = {tuple(_attributes(byte)) for byte in TEXT}
    yield at_most("routes in a text with so many kinds of bytes", first.stats["routes"], len(kinds))
    yield at_least("routes in it", first.stats["routes"], 2)
