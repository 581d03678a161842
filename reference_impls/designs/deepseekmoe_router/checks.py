"""DeepSeekMoE against `DeepseekV2Moe` of transformers (greedy, scale 1), and the equations in float64."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from reference_impls.core.device_balance import device_balance_loss
from reference_impls.core.losses import load_balancing_loss
from reference_impls.designs.deepseekmoe_router.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most
from reference_impls.verify.libraries import beside_block, block_of, drawn, in_both
from reference_impls.verify.naive import beside_loop, dot_products, expert_output, largest, softmax, tokens

D, F, E, B, S = 32, 24, 8, 3, 20
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E, shared_experts=2, n_devices=2)


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs, gradients, equations, what the losses see."""
    for k in (1, 3, 8):
        yield from in_both(transformers_block, k)
    yield from equations()
    yield from balance()


def transformers_block(k: int, dtype: torch.dtype, **tolerance: Any) -> Iterator[Check]:
    """Outputs and all gradients beside the block of transformers."""
    from transformers import DeepseekV2Config
    from transformers.models.deepseek_v2.modeling_deepseek_v2 import DeepseekV2Moe

    config = DeepseekV2Config(
        hidden_size=D, moe_intermediate_size=F, n_routed_experts=E, num_experts_per_tok=k, n_shared_experts=2,
        routed_scaling_factor=1.0, topk_method="greedy", n_group=None, topk_group=None,
    )  # fmt: skip
    layer, block = _layer(experts_per_token=k, dtype=dtype), block_of(DeepseekV2Moe, config, dtype)
    yield from beside_block(f", k = {k}", layer, block, (B, S, D), k, **tolerance)


def equations() -> Iterator[Check]:
    """Outputs and both losses by a plain loop over tokens and experts."""
    k = 3
    ours, x_TD = _layer(experts_per_token=k), tokens(S, D, seed=5)
    expected = torch.zeros_like(x_TD)
    chosen, mean = [0.0] * E, [0.0] * E
    for t, x in enumerate(x_TD):
        affinity = softmax(dot_products(ours.router.weight_ED, x))
        expected[t] = expert_output(ours.shared, 0, x)
        for i in largest(affinity, k):
            expected[t] += affinity[i] * expert_output(ours.experts, i, x)
            chosen[i] += E / (k * S)
        mean = [m + s / S for m, s in zip(mean, affinity, strict=True)]
    over_experts = sum(f * p for f, p in zip(chosen, mean, strict=True))
    devices = [range(0, E // 2), range(E // 2, E)]
    over_devices = sum(sum(chosen[i] for i in d) / len(d) * sum(mean[i] for i in d) for d in devices)
    losses = {"load_balance": over_experts, "device_balance": over_devices}
    yield from beside_loop("equations", ours(x_TD[None]), expected, losses)


def balance() -> Iterator[Check]:
    """Both losses are 1 under perfect balance; the loss over devices does not see inside them."""
    even_TE, even_TK = torch.full((E, E), 1 / E, dtype=torch.float64), torch.arange(E)[:, None]
    both = [load_balancing_loss(even_TE, even_TK, "per-assignment"), device_balance_loss(even_TE, even_TK, 2)]
    yield at_most("balancing losses under perfect balance, apart from 1", max(abs(v - 1) for v in both), 1e-12)
    lopsided_TK = torch.tensor([0, E // 2]).repeat(E // 2)[:, None]  # one busy expert on each of two devices
    lopsided_TE = torch.nn.functional.one_hot(lopsided_TK[:, 0], E).double()
    unseen = device_balance_loss(lopsided_TE, lopsided_TK, 2)
    yield apart("one busy expert on each device: loss over devices apart from 1", unseen, 1)
    yield at_least(
        "one busy expert on each device: loss over experts",
        load_balancing_loss(lopsided_TE, lopsided_TK, "per-assignment"), E / 2,
    )  # fmt: skip
