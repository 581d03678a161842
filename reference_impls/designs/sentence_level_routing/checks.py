"""Sentence-level routing against `MixtralSparseMoeBlock` of transformers, and the equations in float64."""

import math
from collections.abc import Iterator
from typing import Any

import torch

from reference_impls.designs.sentence_level_routing.config import SentenceLevelConfig
from reference_impls.designs.sentence_level_routing.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_least, at_most
from reference_impls.verify.libraries import (
    against_library,
    block_of,
    clear_tokens,
    decisive,
    share_weights,
    weight_map,
)
from reference_impls.verify.naive import expert_output, largest, tokens

D, F, E, S = 32, 48, 8, 12


def checks(entry: Entry) -> Iterator[Check]:
    """The reference, the equations, and that a sequence is one unit."""
    yield from transformers_block(torch.float32, rtol=1e-4, atol=1e-5)
    # The reference computes router probabilities in float32 whatever the input: hence not tighter in float64.
    yield from transformers_block(torch.float64, rtol=1e-5, atol=1e-5)
    for k in (1, 2):
        yield from equations(k)
    yield from one_unit()


def _layer(k: int = 2, dtype: torch.dtype = torch.float64) -> Any:
    torch.manual_seed(0)
    config = SentenceLevelConfig(d_model=D, d_expert=F, n_experts=E, experts_per_token=k, balance_coefficient=0.5)
    return decisive(make_layer(config).to(dtype))


def transformers_block(dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """Of a sequence of one token the average is the token, and the layer is a top-2 layer."""
    from transformers import MixtralConfig
    from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock

    config = MixtralConfig(hidden_size=D, intermediate_size=F, num_local_experts=E, num_experts_per_tok=2)
    block = block_of(MixtralSparseMoeBlock, config, dtype)
    ours = _layer(dtype=dtype)
    pairs = weight_map(ours, block)
    share_weights(pairs)
    yield from against_library(
        f"transformers' MixtralSparseMoeBlock on sequences of one token, {str(dtype)[6:]}",
        ours, block,
        clear_tokens(lambda x: ours.router.logits(x).softmax(-1), 2, (40, 1, D), dtype=dtype),
        pairs,
        **tolerance,
    )  # fmt: skip


def equations(k: int) -> Iterator[Check]:
    """Outputs and loss by a plain loop over sequences of different lengths, one of them empty."""
    ours, lengths = _layer(k), (S, 5, 0, 1)
    x_BSD = torch.randn(len(lengths), S, D, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    real_BS = torch.arange(S) < torch.tensor(lengths)[:, None]
    expected, chosen, mean_p = torch.zeros_like(x_BSD), [0.0] * E, [0.0] * E
    for b, length in enumerate(lengths):
        if length == 0:
            continue
        average = [sum(float(x_BSD[b, s, d]) for s in range(length)) / length for d in range(D)]
        exponents = [
            math.exp(float(w @ torch.tensor(average, dtype=torch.float64))) for w in ours.router.weight_ED.detach()
        ]
        p = [value / sum(exponents) for value in exponents]
        best = largest(p, k)
        chosen[best[0]] += 1 / 3
        mean_p = [mean + value / 3 for mean, value in zip(mean_p, p, strict=True)]
        for i in best:
            weight = p[i] / sum(p[j] for j in best) if k > 1 else p[i]
            for s in range(length):
                expected[b, s] += weight * expert_output(ours.experts, i, x_BSD[b, s])
    y_BSD, info = ours(x_BSD, real_BS)
    worst = (y_BSD.detach() - expected).abs().max()
    yield at_most(f"equations, k = {k}, by a float64 loop: largest difference of the outputs", worst, 1e-12)
    loss = E * sum(share * mean for share, mean in zip(chosen, mean_p, strict=True))
    difference = abs(float(info.losses["load_balance"].value.detach()) - loss)
    yield at_most(f"balancing loss, k = {k}, by a float64 loop: difference", difference, 1e-12)


def one_unit() -> Iterator[Check]:
    """One decision a sequence, whatever the order of its tokens; different sequences decide differently."""
    ours = _layer()
    x_BSD = tokens(6, S, D, seed=6)
    share_BSE = ours(x_BSD)[1].routing.share_TE().view(6, S, E)
    yield at_most("weights of a sequence's tokens differ by", (share_BSE - share_BSE[:, :1]).abs().max(), 0)
    turned_BSE = ours(x_BSD.flip(1))[1].routing.share_TE().view(6, S, E)
    yield at_most("reversing the sequences changes the weights by", (turned_BSE - share_BSE).abs().max(), 1e-14)
    between = (share_BSE[:, 0] - share_BSE[:1, 0]).abs().max()
    yield at_least("weights of different sequences differ by", between, 0.1)
