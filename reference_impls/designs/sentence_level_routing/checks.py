"""Sentence-level routing against `MixtralSparseMoeBlock` of transformers, and the equations in float64."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from reference_impls.designs.sentence_level_routing.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most
from reference_impls.verify.libraries import beside_block, drawn, in_both, mixtral_block
from reference_impls.verify.naive import beside_loop, dot_products, largest, mixed_output, softmax, tokens

D, F, E, S = 32, 48, 8, 12
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E, experts_per_token=2, balance_coefficient=0.5)


def checks(entry: Entry) -> Iterator[Check]:
    """The reference, the equations, and that a sequence is one unit."""
    yield from in_both(transformers_block)
    for k in (1, 2):
        yield from equations(k)
    yield from one_unit()


def transformers_block(dtype: torch.dtype, **tolerance: Any) -> Iterator[Check]:
    """Of a sequence of one token the average is the token, and the layer is a top-2 layer."""
    block = mixtral_block(D, F, E, 2, dtype)
    yield from beside_block(" on sequences of one token", _layer(dtype=dtype), block, (40, 1, D), 2, **tolerance)


def equations(k: int) -> Iterator[Check]:
    """Outputs and loss by a plain loop over sequences of different lengths, one of them empty."""
    ours, lengths = _layer(experts_per_token=k), (S, 5, 0, 1)
    x_BSD = tokens(len(lengths), S, D, seed=5)
    expected, chosen, mean_p = torch.zeros_like(x_BSD), [0.0] * E, [0.0] * E
    for b, length in enumerate(lengths):
        if length == 0:
            continue
        average = torch.stack([x_BSD[b, s] for s in range(length)]).sum(0) / length
        p = softmax(dot_products(ours.router.weight_ED, average))
        best = largest(p, k)
        chosen[best[0]] += 1 / 3
        mean_p = [mean + value / 3 for mean, value in zip(mean_p, p, strict=True)]
        weights = [p[i] * (i in best) / (sum(p[j] for j in best) if k > 1 else 1) for i in range(E)]
        for s in range(length):
            expected[b, s] = mixed_output(ours.experts, weights, x_BSD[b, s])
    loss = E * sum(share * mean for share, mean in zip(chosen, mean_p, strict=True))
    made = ours(x_BSD, torch.arange(S) < torch.tensor(lengths)[:, None])
    yield from beside_loop(f"equations, k = {k}", made, expected, losses={"load_balance": loss})


def one_unit() -> Iterator[Check]:
    """One decision a sequence, whatever the order of its tokens; different sequences decide differently."""
    ours = _layer()
    x_BSD = tokens(6, S, D, seed=6)
    share_BSE = ours(x_BSD)[1].routing.share_TE().view(6, S, E)
    yield at_most("weights of a sequence's tokens differ by", (share_BSE - share_BSE[:, :1]).abs().max(), 0)
    turned_BSE = ours(x_BSD.flip(1))[1].routing.share_TE().view(6, S, E)
    yield apart("reversing the sequences changes the weights by", turned_BSE, share_BSE, 1e-14)
    between = (share_BSE[:, 0] - share_BSE[:1, 0]).abs().max()
    yield at_least("weights of different sequences differ by", between, 0.1)
