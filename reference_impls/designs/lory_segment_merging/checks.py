"""Lory against its rule in matrices over an ordinary module, its equations in float64, and what it lets through."""

from collections.abc import Iterator
from functools import partial
from itertools import chain

import torch
from torch import Tensor

from reference_impls.designs.lory_segment_merging.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most, worst_of
from reference_impls.verify.libraries import beside, drawn, in_both, only_output, twins
from reference_impls.verify.merging import plain_expert, through_average
from reference_impls.verify.naive import dot_products, softmax

D, H, E, B, S, L = 12, 10, 4, 2, 11, 4
_layer = partial(drawn, make_layer, d_model=D, d_expert=H, n_experts=E, segment_length=L, first_segment="itself")


def checks(entry: Entry) -> Iterator[Check]:
    """Matrices, equations, causality by segments, gradients."""
    yield from chain(in_both(in_matrices, rtol=1e-10, atol=1e-12), equations(), leaks())
    yield from first_segment_teaches_no_router()


def _tokens(dtype: torch.dtype = torch.float64, length: int = S) -> Tensor:
    return torch.randn(B, length, D, generator=torch.Generator().manual_seed(1)).to(dtype)


def in_matrices(dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """All segments' weights, shifted by one, the first detached; then one module call a segment; with gradients."""
    ours = _layer(dtype=dtype)
    pairs = twins(router=ours.router.weight_ED, w_in=ours.experts.w_in_EID, w_out=ours.experts.w_out_EDF)
    weight_ED, w_in, w_out = (copy for _, copy in pairs.values())

    def theirs(x_BSD: Tensor) -> Tensor:
        mean_BND = x_BSD.view(B, -1, L, D).mean(2)
        weight_BNE = (mean_BND @ weight_ED.T).softmax(-1)
        shifted_BNE = torch.cat([weight_BNE[:, :1].detach(), weight_BNE[:, :-1]], dim=1)
        segments = zip(shifted_BNE.flatten(0, 1), x_BSD.reshape(-1, L, D), strict=True)
        return torch.stack([through_average(w_in, w_out, weight_E, x_LD) for weight_E, x_LD in segments])

    name = f"the paper's rule in matrices over a module with averaged weights, {str(dtype)[6:]}"
    yield from beside(name, only_output(ours), theirs, _tokens(dtype, 3 * L), pairs, **tolerance)


def equations() -> Iterator[Check]:
    """Outputs by a plain loop over sequences, segments and tokens; the last segment is short."""
    ours, x_BSD = _layer(), _tokens()
    expected = torch.zeros_like(x_BSD)
    for b, x_SD in enumerate(x_BSD):
        for start in range(0, S, L):
            looked_at = x_SD[max(start - L, 0) : max(start, L)]
            mean = sum(looked_at) / len(looked_at)
            weight = softmax(dot_products(ours.router.weight_ED, mean))
            for s in range(start, min(start + L, S)):
                expected[b, s] = plain_expert(ours.experts, weight, x_SD[s])
    yield apart("equations, by a float64 loop: outputs", ours(x_BSD)[0], expected)


def leaks() -> Iterator[Check]:
    """What a change of the later tokens changes before them, for every place of the change."""
    x_BSD = _tokens()
    for first_segment in ("itself", "even"):
        ours = _layer(first_segment=first_segment)
        worst = {"first": 0.0, "later": 0.0}
        for cut in range(1, S):
            other = x_BSD.clone()
            other[:, cut:] = torch.randn(other[:, cut:].shape, dtype=other.dtype)
            moved = float((ours(other)[0] - ours(x_BSD)[0])[:, :cut].abs().max().detach())
            worst["first" if cut < L else "later"] = worst_of(worst["first" if cut < L else "later"], moved)
        merged = f"(first segment merged {'by itself' if first_segment == 'itself' else 'evenly'})"
        yield at_most(f"a change after the first segment changes what is before it by {merged}", worst["later"], 1e-12)
        if first_segment == "itself":
            yield at_least(f"a change in the first segment changes what is before it by {merged}", worst["first"], 1e-9)
        else:
            yield at_most(f"a change in the first segment changes what is before it by {merged}", worst["first"], 1e-12)


def first_segment_teaches_no_router() -> Iterator[Check]:
    """A sequence of one segment leaves the router without a gradient, one of two does not."""
    for length, name in ((L, "one segment"), (L + 1, "two segments")):
        ours = _layer()
        ours(_tokens(length=length))[0].square().sum().backward()
        gradient = ours.router.weight_ED.grad
        size = 0.0 if gradient is None else float(gradient.abs().max())
        check = at_most if length == L else at_least
        yield check(f"{name}: the largest gradient of the router", size, 0 if length == L else 1e-8)
