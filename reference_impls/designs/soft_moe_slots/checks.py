"""Soft MoE against soft-moe-pytorch, and the equations in float64."""

import math
from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.core.layer import MoELayer
from reference_impls.designs.soft_moe_slots.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most
from reference_impls.verify.libraries import beside, drawn, in_both
from reference_impls.verify.naive import expert_output, tokens

D, H, E, P, B, S = 16, 20, 4, 3, 3, 10
_layer = partial(drawn, make_layer, d_model=D, d_expert=H, n_experts=E, slots_per_expert=P)


def checks(entry: Entry) -> Iterator[Check]:
    """Library, equations, promises."""
    yield from chain(in_both(library, rtol=1e-9, atol=1e-10), equations(), promises())


class _Expert(nn.Module):
    """A SwiGLU expert for the library's list, of given weights."""

    def __init__(self, w_in_ID: Tensor, w_out_DF: Tensor) -> None:
        super().__init__()
        self.w_in, self.w_out = nn.Parameter(w_in_ID.detach().clone()), nn.Parameter(w_out_DF.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        gate, up = (x @ self.w_in.T).chunk(2, dim=-1)
        return (F.silu(gate) * up) @ self.w_out.T


def library(dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """Outputs and all gradients beside the library's module, which norms its tokens before anything else."""
    from soft_moe_pytorch import SoftMoE

    scale = 5.0
    ours = _layer(dtype=dtype, initial_scale=scale)
    theirs: Any = SoftMoE(dim=D, num_experts=E, num_slots=P)
    theirs.experts.experts = nn.ModuleList(
        _Expert(w_in, w_out) for w_in, w_out in zip(ours.experts.w_in_EID, ours.experts.w_out_EDF, strict=True)
    )
    theirs.to(dtype)
    with torch.no_grad():
        theirs.slot_embeds.copy_(ours.router.slot_ESD)
        # Both of its norms multiply by sqrt(D): logits are D times the cosine times this.
        theirs.slot_norm.gamma.fill_(scale / D)

    def normed(x_BSD: Tensor) -> Tensor:
        unit: Tensor = F.normalize(x_BSD, dim=-1) * math.sqrt(D)
        return unit

    x_BSD = torch.randn(B, S, D, generator=torch.Generator().manual_seed(1)).to(dtype)
    pairs = {"the slots": (ours.router.slot_ESD, theirs.slot_embeds)}
    # We stack what the library keeps expert by expert: its experts get views of one leaf, to compare the gradients.
    for name, our_leaf, their_leaf in (
        ("w_in", ours.experts.w_in_EID, "w_in"),
        ("w_out", ours.experts.w_out_EDF, "w_out"),
    ):
        stacked = torch.stack([getattr(expert, their_leaf).detach() for expert in theirs.experts.experts])
        leaf = stacked.requires_grad_()
        for expert, row in zip(theirs.experts.experts, leaf.unbind(0), strict=True):
            delattr(expert, their_leaf)
            setattr(expert, their_leaf, row)
        pairs[name] = (our_leaf, leaf)
    yield from beside(
        f"soft-moe-pytorch's SoftMoE, {str(dtype)[6:]}",
        lambda x: ours(normed(x))[0], theirs, x_BSD, pairs, **tolerance,
    )  # fmt: skip


def equations() -> Iterator[Check]:
    """Outputs by a plain loop over tokens and slots."""
    ours = _layer(dtype=torch.float64, initial_scale=3.0)
    x_TD = tokens(S, D, seed=5)
    expected = loop(ours, x_TD)
    yield apart("equations, by a float64 loop: outputs", ours(x_TD[None])[0][0], expected, 1e-10)


def loop(layer: MoELayer, x_TD: Tensor) -> Tensor:
    """The outputs for one sequence, written from the equations."""
    router: Any = layer.router
    experts: Any = layer.experts
    slots = [(e, mu) for e, of_expert in enumerate(router.slot_ESD.detach()) for mu in of_expert]
    alpha = float(router.scale.detach())
    exponent = [[math.exp(alpha * float(x @ mu / (x.norm() * mu.norm()))) for _, mu in slots] for x in x_TD]
    y_TD = torch.zeros_like(x_TD)
    for s, (e, _) in enumerate(slots):
        column = sum(row[s] for row in exponent)
        mixed = sum(row[s] / column * x for row, x in zip(exponent, x_TD, strict=True))
        assert isinstance(mixed, Tensor)
        result = expert_output(experts, e, mixed)
        for t, row in enumerate(exponent):
            y_TD[t] += row[s] / sum(row) * result
    return y_TD


def promises() -> Iterator[Check]:
    """Weights add up to one; every expert has work; order does not matter."""
    ours = _layer(dtype=torch.float64, initial_scale=3.0)
    x_BSD = tokens(B, S, D, seed=6)
    y_BSD, info = ours(x_BSD)
    routing = info.routing
    column_BES = routing.dispatch_TES.view(B, S, E, P).sum(1)
    yield apart("dispatch weights of a slot: farthest sum from 1", column_BES, 1)
    yield at_most("combine weights: farthest sum from 1", (routing.combine_TES.sum((1, 2)) - 1).abs().max(), 1e-12)
    order = torch.randperm(S, generator=torch.Generator().manual_seed(7))
    moved = (ours(x_BSD[:, order])[0] - y_BSD[:, order]).abs().max()
    yield at_most("tokens in another order: outputs in that order, but for", moved, 1e-12)
    y_BSD.square().sum().backward()
    least = ours.experts.w_in_EID.grad.abs().amax((1, 2)).min()
    yield at_least("the least gradient of an expert", least, 1e-6)
