"""Mixtral against `MixtralSparseMoeBlock` of transformers, its balancing loss, and the equations in float64."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from reference_impls.core.losses import load_balancing_loss
from reference_impls.designs.mixtral_top2_router.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, close
from reference_impls.verify.libraries import beside_block, drawn, in_both, mixtral_block
from reference_impls.verify.naive import dot_products, expert_output, largest, softmax, tokens

D, F, E, B, S = 32, 48, 8, 3, 20
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E)


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs, gradients, loss, equations."""
    for k in (1, 2, 8):
        yield from in_both(transformers_block, k)
    yield from transformers_loss()
    yield from equations()


def transformers_block(k: int, dtype: torch.dtype, **tolerance: Any) -> Iterator[Check]:
    """Outputs and all gradients beside the block of transformers, whose weights the layer takes over."""
    layer, block = _layer(experts_per_token=k, dtype=dtype), mixtral_block(D, F, E, k, dtype)
    yield from beside_block(f", k = {k}", layer, block, (B, S, D), k, **tolerance)


def transformers_loss() -> Iterator[Check]:
    """The convention `per-token` is the loss of transformers for one layer."""
    from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func

    logit_TE = torch.randn(60, E, generator=torch.Generator().manual_seed(4))
    theirs = load_balancing_loss_func((logit_TE,), E, 2)
    assert isinstance(theirs, Tensor)
    ours = load_balancing_loss(logit_TE.softmax(-1), logit_TE.topk(2).indices, "per-token")
    yield close("transformers' load_balancing_loss_func", ours, theirs)


def equations() -> Iterator[Check]:
    """Outputs by a plain loop over tokens and experts."""
    ours = _layer(experts_per_token=2)
    x_TD = tokens(S, D, seed=5)
    expected = torch.zeros_like(x_TD)
    for t, x in enumerate(x_TD):
        logits = dot_products(ours.router.weight_ED, x)
        best = largest(logits, 2)
        for weight, i in zip(softmax([logits[i] for i in best]), best, strict=True):
            expected[t] += weight * expert_output(ours.experts, i, x)
    yield apart("equations, by a float64 loop: outputs", ours(x_TD[None])[0][0], expected)
