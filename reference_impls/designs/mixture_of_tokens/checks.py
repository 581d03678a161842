"""Mixture of Tokens against its equations in float64 and the layout of the authors' code."""

import math
from collections.abc import Iterator
from functools import partial
from itertools import chain

import torch
from torch import Tensor

from reference_impls.designs.mixture_of_tokens.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_most
from reference_impls.verify.libraries import beside, drawn, in_both, only_output, twins
from reference_impls.verify.naive import expert_output

D, H, E, B, S, G = 12, 10, 3, 4, 5, 2
_layer = partial(drawn, make_layer, d_model=D, d_expert=H, n_experts=E, group_size=G, temperature=0.7)


def checks(entry: Entry) -> Iterator[Check]:
    """Equations, the authors' layout, promises."""
    yield from chain(equations(), in_both(dense_layout, rtol=1e-10, atol=1e-12), promises())


def _tokens(dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(B, S, D, generator=torch.Generator().manual_seed(1)).to(dtype)


def equations() -> Iterator[Check]:
    """Outputs by a plain loop over positions, groups, experts and tokens."""
    ours, x_BSD = _layer(), _tokens()
    expected = torch.zeros_like(x_BSD)
    for position in range(S):
        for first in range(0, B, G):
            members = range(first, first + G)
            for i, controller in enumerate(ours.router.weight_ED.detach()):
                raised = [math.exp(float(controller @ x_BSD[b, position]) / 0.7) for b in members]
                alpha = [value / sum(raised) for value in raised]
                blend = torch.zeros(D, dtype=torch.float64)
                for a, b in zip(alpha, members, strict=True):
                    blend += a * x_BSD[b, position]
                result = expert_output(ours.experts, i, blend)
                for a, b in zip(alpha, members, strict=True):
                    expected[b, position] += a * result
    yield apart("equations, by a float64 loop: outputs", ours(x_BSD)[0], expected)


def dense_layout(dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """The same by matrices over [position, group, member], with gradients."""
    ours = _layer(dtype=dtype)
    pairs = twins(controllers=ours.router.weight_ED, w_in=ours.experts.w_in_EID, w_out=ours.experts.w_out_EDF)
    controller_ED, w_in_EHD, w_out_EDH = (copy for _, copy in pairs.values())

    def theirs(x_BSD: Tensor) -> Tensor:
        x_SgmD = x_BSD.transpose(0, 1).reshape(S, B // G, G, D)
        weight_SgmE = ((x_SgmD @ controller_ED.T) / 0.7).softmax(dim=2)
        blend_SgED = torch.einsum("sgme,sgmd->sged", weight_SgmE, x_SgmD)
        made_SgEH = torch.einsum("sged,ehd->sgeh", blend_SgED, w_in_EHD).relu()
        y_SgmD = torch.einsum("sgme,sgeh,edh->sgmd", weight_SgmE, made_SgEH, w_out_EDH)
        return y_SgmD.reshape(S, B, D).transpose(0, 1)

    name = f"matrices laid out as in the authors' code, {str(dtype)[6:]}"
    yield from beside(name, only_output(ours), theirs, _tokens(dtype), pairs, **tolerance)


def promises() -> Iterator[Check]:
    """Weights add up to one over a group, groups are apart, and a group of one is a plain mixture."""
    ours, x_BSD = _layer(), _tokens()
    y_BSD, info = ours(x_BSD)
    sums = info.routing.dispatch_TES.view(B // G, G, S, E).sum(1)
    yield apart("weights of an expert over a group: farthest sum from 1", sums, 1)
    other = x_BSD.clone()
    other[:G] = torch.randn_like(other[:G])
    moved = (ours(other)[0] - y_BSD)[G:].abs().max()
    yield at_most("sequences of another group change the outputs by", moved, 0)
    load_E = info.routing.load_E
    yield at_most("spread of the load (each expert has one blend a group)", load_E.max() - load_E.min(), 1e-12)
    alone = _layer(group_size=1)
    plain = sum(alone.experts(x_BSD.view(B * S, D), e) for e in range(E))
    yield at_most(
        "groups of one: difference from the sum of all experts",
        (alone(x_BSD)[0].view(-1, D) - plain).abs().max(),
        1e-12,
    )
