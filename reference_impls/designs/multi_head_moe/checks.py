"""MH-MoE against `OlmoeSparseMoeBlock` of transformers on parts of tokens, and the equations in float64."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from reference_impls.designs.multi_head_moe.config import MultiHeadConfig
from reference_impls.designs.multi_head_moe.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_most
from reference_impls.verify.libraries import (
    beside,
    block_of,
    clear_tokens,
    decisive,
    only_output,
    share_weights,
    weight_map,
)
from reference_impls.verify.naive import expert_output, largest, tokens

D, F, E, B, S = 24, 20, 6, 2, 12


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs, gradients, equations, limits."""
    for heads, k, inner in ((4, 2, False), (3, 1, True), (1, 6, False)):
        yield from transformers_block(heads, k, inner, torch.float32, rtol=1e-4, atol=1e-5)
        # The reference computes router probabilities in float32 whatever the input: hence not tighter in float64.
        yield from transformers_block(heads, k, inner, torch.float64, rtol=1e-5, atol=1e-5)
        yield from equations(heads, k, inner)
    yield from permuted_parts()


def _layer(heads: int, k: int, inner: bool, dtype: torch.dtype = torch.float64) -> Any:
    torch.manual_seed(0)
    config = MultiHeadConfig(
        d_model=D, d_expert=F, n_experts=E, token_heads=heads, experts_per_token=k, inner_residual=inner
    )
    return decisive(make_layer(config).to(dtype))


def transformers_block(heads: int, k: int, inner: bool, dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """Outputs and all gradients beside the block of transformers between two linear maps."""
    from transformers import OlmoeConfig
    from transformers.models.olmoe.modeling_olmoe import OlmoeSparseMoeBlock

    config = OlmoeConfig(
        hidden_size=D // heads, intermediate_size=F, num_experts=E, num_experts_per_tok=k, norm_topk_prob=False
    )
    block = block_of(OlmoeSparseMoeBlock, config)
    before, after = nn.Linear(D, D, bias=False), nn.Linear(D, D, bias=False)
    for module in (block, before, after):
        module.to(dtype)
    ours = _layer(heads, k, inner, dtype)
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
    yield from beside(name, lambda x: ours(x)[0], theirs, x_BSD, pairs, **tolerance)


def equations(heads: int, k: int, inner: bool) -> Iterator[Check]:
    """Outputs, balancing loss and experts reached by a plain loop over tokens, parts and experts."""
    ours = _layer(heads, k, inner)
    x_TD = tokens(S, D, seed=5)
    expected = torch.zeros_like(x_TD)
    load, mean, reached = [0.0] * E, [0.0] * E, 0
    for t, x in enumerate(x_TD):
        merged, experts = [], set()
        for part in (ours.head_DD.detach() @ x).split(D // heads):
            exponents = [float((e @ part).exp()) for e in ours.router.weight_ED.detach()]
            made = part.clone() if inner else torch.zeros_like(part)
            for p in largest(exponents, k):
                made += exponents[p] / sum(exponents) * expert_output(ours.experts, p, part)
                load[p] += 1 / (heads * S)
                experts.add(p)
            mean = [a + b / sum(exponents) / (heads * S) for a, b in zip(mean, exponents, strict=True)]
            merged.append(made)
        expected[t] = ours.merge_DD.detach() @ torch.cat(merged)
        reached += len(experts)
    y_BSD, info = ours(x_TD[None])
    name = f"equations by a float64 loop, h = {heads}, k = {k}"
    yield at_most(f"{name}: outputs differ by", (y_BSD[0].detach() - expected).abs().max(), 1e-12)
    balance = E * sum(a * b for a, b in zip(load, mean, strict=True))
    reported = float(info.losses["load_balance"].value.detach())
    yield at_most(f"{name}: balancing loss differs by", abs(reported - balance), 1e-12)
    yield at_most(f"{name}: experts reached differ by", abs(info.stats["experts_per_whole_token"] - reached / S), 1e-6)


def permuted_parts() -> Iterator[Check]:
    """Which part is which has no meaning: permuting them in both projections changes nothing."""
    ours = _layer(4, 2, False)
    x_BSD = tokens(B, S, D, seed=6)
    before = ours(x_BSD)[0].detach()
    order = torch.arange(D).view(4, -1)[[2, 0, 3, 1]].flatten()
    with torch.no_grad():
        ours.head_DD.copy_(ours.head_DD[order])
        ours.merge_DD.copy_(ours.merge_DD[:, order])
    yield at_most("permuting the parts changes the outputs by", (ours(x_BSD)[0].detach() - before).abs().max(), 1e-12)
