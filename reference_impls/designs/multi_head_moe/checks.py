"""MH-MoE against `OlmoeSparseMoeBlock` of transformers on parts of tokens, and the equations in float64."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn

from reference_impls.designs.multi_head_moe.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_most
from reference_impls.verify.libraries import (
    beside,
    clear_tokens,
    drawn,
    in_both,
    olmoe_block,
    only_output,
    share_weights,
    weight_map,
)
from reference_impls.verify.naive import dot_products, expert_output, largest, softmax, tokens

D, F, E, B, S = 24, 20, 6, 2, 12
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E)


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs, gradients, equations, limits."""
    for heads, k, inner in ((4, 2, False), (3, 1, True), (1, 6, False)):
        yield from in_both(transformers_block, heads, k, inner)
        yield from equations(heads, k, inner)
    yield from permuted_parts()


def transformers_block(heads: int, k: int, inner: bool, dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """Outputs and all gradients beside the block of transformers between two linear maps."""
    block = olmoe_block(D // heads, F, E, k, dtype)
    before, after = (nn.Linear(D, D, bias=False, dtype=dtype) for _ in range(2))
    ours = _layer(token_heads=heads, experts_per_token=k, inner_residual=inner, dtype=dtype)
    pairs = {
        "the multi-head projection": (ours.head_DD, before.weight),
        "the merge projection": (ours.merge_DD, after.weight),
        **weight_map(ours, block),
    }
    share_weights(pairs)

    def theirs(x_BSD: Tensor) -> Tensor:
        parts = before(x_BSD).unflatten(-1, (heads, D // heads)).flatten(1, 2)
        made = only_output(block)(parts).view_as(parts)
        merged: Tensor = after((made + parts if inner else made).unflatten(1, (S, heads)).flatten(2))
        return merged

    def score(x_TD: Tensor) -> Tensor:
        # A token is clear if all of its parts are: the least clear part stands for it.
        parts = (x_TD @ ours.head_DD.T).view(len(x_TD), heads, -1)
        probability = (parts @ ours.router.weight_ED.T).softmax(-1)
        best = probability.topk(min(k + 1, E), dim=-1).values
        gap = -best.diff(dim=-1).amax(-1) if best.shape[-1] > 1 else torch.ones_like(best[..., 0])
        least: Tensor = probability[torch.arange(len(x_TD)), gap.argmin(-1)]
        return least

    x_BSD = clear_tokens(score, k, (B, S, D), dtype=dtype)
    name = f"OlmoeSparseMoeBlock on parts, h = {heads}, k = {k}, {str(dtype)[6:]}"
    yield from beside(name, only_output(ours), theirs, x_BSD, pairs, **tolerance)


def equations(heads: int, k: int, inner: bool) -> Iterator[Check]:
    """Outputs, balancing loss and experts reached by a plain loop over tokens, parts and experts."""
    ours = _layer(token_heads=heads, experts_per_token=k, inner_residual=inner)
    x_TD = tokens(S, D, seed=5)
    expected = torch.zeros_like(x_TD)
    load, mean, reached = [0.0] * E, [0.0] * E, 0
    for t, x in enumerate(x_TD):
        merged, experts = [], set()
        for part in (ours.head_DD.detach() @ x).split(D // heads):
            share = softmax(dot_products(ours.router.weight_ED, part))
            made = part.clone() if inner else torch.zeros_like(part)
            for p in largest(share, k):
                made += share[p] * expert_output(ours.experts, p, part)
                load[p] += 1 / (heads * S)
                experts.add(p)
            mean = [a + b / (heads * S) for a, b in zip(mean, share, strict=True)]
            merged.append(made)
        expected[t] = ours.merge_DD.detach() @ torch.cat(merged)
        reached += len(experts)
    y_BSD, info = ours(x_TD[None])
    name = f"equations by a float64 loop, h = {heads}, k = {k}"
    yield apart(f"{name}: outputs differ by", y_BSD[0], expected)
    balance = E * sum(a * b for a, b in zip(load, mean, strict=True))
    reported = float(info.losses["load_balance"].value.detach())
    yield apart(f"{name}: balancing loss differs by", reported, balance)
    yield at_most(f"{name}: experts reached differ by", abs(info.stats["experts_per_whole_token"] - reached / S), 1e-6)


def permuted_parts() -> Iterator[Check]:
    """Which part is which has no meaning: permuting them in both projections changes nothing."""
    ours = _layer(token_heads=4, experts_per_token=2, inner_residual=False)
    x_BSD = tokens(B, S, D, seed=6)
    before = ours(x_BSD)[0].detach()
    order = torch.arange(D).view(4, -1)[[2, 0, 3, 1]].flatten()
    with torch.no_grad():
        ours.head_DD.copy_(ours.head_DD[order])
        ours.merge_DD.copy_(ours.merge_DD[:, order])
    yield apart("permuting the parts changes the outputs by", ours(x_BSD)[0], before)
