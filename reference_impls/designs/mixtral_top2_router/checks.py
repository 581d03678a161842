"""Mixtral against `MixtralSparseMoeBlock` of transformers, its balancing loss, and the equations in float64."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from reference_impls.core.losses import load_balancing_loss
from reference_impls.designs.mixtral_top2_router.config import MixtralTop2Config
from reference_impls.designs.mixtral_top2_router.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_most, close
from reference_impls.verify.libraries import against_library, block_of, clear_tokens, decisive, weight_map
from reference_impls.verify.naive import dot_products, expert_output, largest, tokens

D, F, E, B, S = 32, 48, 8, 3, 20


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs, gradients, loss, equations."""
    for k in (1, 2, 8):
        yield from transformers_block(k, torch.float32, rtol=1e-4, atol=1e-5)
        # The reference computes router probabilities in float32 whatever the input: hence not tighter in float64.
        yield from transformers_block(k, torch.float64, rtol=1e-5, atol=1e-5)
    yield from transformers_loss()
    yield from equations()


def _layer(k: int, dtype: torch.dtype) -> Any:
    torch.manual_seed(0)
    config = MixtralTop2Config(d_model=D, d_expert=F, n_experts=E, experts_per_token=k)
    return decisive(make_layer(config).to(dtype))


def transformers_block(k: int, dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """Outputs and all gradients beside the block of transformers with our weights, and the other way round."""
    from transformers import MixtralConfig
    from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock

    config = MixtralConfig(hidden_size=D, intermediate_size=F, num_local_experts=E, num_experts_per_tok=k)
    block = block_of(MixtralSparseMoeBlock, config, dtype)
    ours = _layer(k, dtype)
    ours.load_transformers_block(block)
    x_BSD = clear_tokens(lambda x: ours.router.logits(x).softmax(-1), k, (B, S, D), dtype=dtype)
    yield from against_library(
        f"transformers' MixtralSparseMoeBlock, k = {k}, {str(dtype)[6:]}",
        ours, block, x_BSD,
        weight_map(ours, block),
        **tolerance,
    )  # fmt: skip


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
    ours = _layer(2, torch.float64)
    x_TD = tokens(S, D, seed=5)
    expected = torch.zeros_like(x_TD)
    for t, x in enumerate(x_TD):
        logits = dot_products(ours.router.weight_ED, x)
        best = largest(logits, 2)
        exponents = torch.tensor([logits[i] for i in best], dtype=torch.float64).exp()
        for weight, i in zip(exponents / exponents.sum(), best, strict=True):
            expected[t] += weight * expert_output(ours.experts, i, x)
    worst = (ours(x_TD[None])[0][0].detach() - expected).abs().max()
    yield at_most("equations, by a float64 loop: largest difference of the outputs", worst, 1e-12)
