"""SMEAR against an ordinary module with averaged weights, its equations in float64, and its promises."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from reference_impls.designs.smear.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least
from reference_impls.verify.libraries import beside, drawn, in_both, only_output, twins
from reference_impls.verify.merging import plain_expert, through_average
from reference_impls.verify.naive import dot_products, softmax

D, H, E, B, S = 12, 10, 4, 3, 7


def checks(entry: Entry) -> Iterator[Check]:
    """Module with averaged weights, equations, promises."""
    yield from chain(in_both(averaged_module, rtol=1e-10, atol=1e-12), equations(), promises())


def _layer(dtype: torch.dtype = torch.float64) -> Any:
    layer = drawn(make_layer, dtype, d_model=D, d_expert=H, n_experts=E).eval()
    with torch.no_grad():
        layer.router.norm.bias.copy_(torch.randn(D))
    return layer


def _tokens(dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(B, S, D, generator=torch.Generator().manual_seed(1)).to(dtype)


def averaged_module(dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """Sequence by sequence through `torch.func.functional_call`, outputs and gradients."""
    ours = _layer(dtype)
    pairs = twins(**dict(ours.router.named_parameters(prefix="router")), **dict(ours.experts.named_parameters()))
    copies = {name: theirs for name, (_, theirs) in pairs.items()}

    def theirs(x_BSD: Tensor) -> Tensor:
        outputs = []
        for x_SD in x_BSD:
            normed = F.layer_norm(x_SD.mean(0), (D,), copies["router.norm.weight"], copies["router.norm.bias"])
            weight_E = (copies["router.weight_ED"] @ normed).softmax(-1)
            outputs.append(through_average(copies["w_in_EID"], copies["w_out_EDF"], weight_E, x_SD))
        return torch.stack(outputs)

    name = f"a module with averaged weights, {str(dtype)[6:]}"
    yield from beside(name, only_output(ours), theirs, _tokens(dtype), pairs, **tolerance)


def equations() -> Iterator[Check]:
    """Outputs by a plain loop over sequences, experts and tokens."""
    ours, x_BSD = _layer(), _tokens()
    expected = torch.zeros_like(x_BSD)
    norm = ours.router.norm
    for b, x_SD in enumerate(x_BSD):
        mean = sum(x_SD) / S
        centred = mean - mean.mean()
        normed = centred / (centred.square().mean() + norm.eps).sqrt() * norm.weight.detach() + norm.bias.detach()
        weight = softmax(dot_products(ours.router.weight_ED, normed))
        for s, x in enumerate(x_SD):
            expected[b, s] = plain_expert(ours.experts, weight, x)
    yield apart("equations, by a float64 loop: outputs", ours(x_BSD)[0], expected)


def promises() -> Iterator[Check]:
    """Weights add up to one; equal experts merge to themselves; one sequence teaches every expert."""
    ours, x_BSD = _layer(), _tokens()
    torch.manual_seed(3)
    for mode in (False, True):
        weight_GE = ours.train(mode)(x_BSD)[1].routing.weight_GE
        where = "in training" if mode else "outside training"
        yield apart(f"weights of a sequence {where}: farthest sum from 1", weight_GE.sum(-1), 1)
    ours.eval()(x_BSD[:1])[0].square().sum().backward()
    least = ours.experts.w_in_EID.grad.abs().amax((1, 2)).min()
    yield at_least("the least gradient of an expert from one sequence", least, 1e-8)
    with torch.no_grad():
        for weight in ours.experts.parameters():
            weight.copy_(weight[:1].expand_as(weight))
        one = ours.experts(x_BSD.view(-1, D), 2).view_as(x_BSD)
        yield apart("merging equal experts: difference from one of them", ours(x_BSD)[0], one)
