"""DeepSeek-V2 against `DeepseekV2Moe` of transformers (group-limited), and the equations in float64."""

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from reference_impls.designs.deepseek_v2_router.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_most
from reference_impls.verify.libraries import beside_block, block_of, drawn, in_both
from reference_impls.verify.naive import beside_loop, dot_products, expert_output, largest, softmax, tokens

D, F, E, B, S, SCALE = 32, 24, 8, 3, 20, 4.0
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E, routed_scale=SCALE, shared_experts=2)


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs, gradients, equations, drops."""
    for devices, top, k in ((4, 2, 3), (2, 1, 4), (8, 3, 3)):
        yield from in_both(transformers_block, devices, top, k)
    yield from equations()
    yield from drops()


def transformers_block(devices: int, top: int, k: int, dtype: torch.dtype, **tolerance: Any) -> Iterator[Check]:
    """Outputs and all gradients beside the block of transformers."""
    from transformers import DeepseekV2Config as TheirConfig
    from transformers.models.deepseek_v2.modeling_deepseek_v2 import DeepseekV2Moe

    config = TheirConfig(
        hidden_size=D, moe_intermediate_size=F, n_routed_experts=E, num_experts_per_tok=k, n_shared_experts=2,
        routed_scaling_factor=SCALE, topk_method="group_limited_greedy", n_group=devices, topk_group=top,
    )  # fmt: skip
    layer = _layer(experts_per_token=k, n_devices=devices, top_devices=top, dtype=dtype).eval()
    case, block = f", {top} of {devices} devices, k = {k}", block_of(DeepseekV2Moe, config, dtype)
    # All scores of a token stand apart, whichever devices it uses.
    yield from beside_block(case, layer, block, (B, S, D), E - 1, gap=1e-4, **tolerance)


def equations() -> Iterator[Check]:
    """Outputs and the three losses by a plain loop over tokens, devices and experts."""
    devices, top, k = 4, 2, 3
    ours = _layer(experts_per_token=k, n_devices=devices, top_devices=top).eval()
    x_TD = tokens(S, D, seed=5)
    expected, strays = torch.zeros_like(x_TD), 0
    on = [range(d * E // devices, (d + 1) * E // devices) for d in range(devices)]
    chosen, mean, sent = [0.0] * E, [0.0] * E, [0.0] * devices
    y_BSD, info = ours(x_TD[None])
    for t, x in enumerate(x_TD):
        affinity = softmax(dot_products(ours.router.weight_ED, x))
        allowed = largest([max(affinity[i] for i in members) for members in on], top)
        within = [i for d in allowed for i in on[d]]
        picked = [within[place] for place in largest([affinity[i] for i in within], k)]
        expected[t] = expert_output(ours.shared, 0, x)
        for i in picked:
            expected[t] += SCALE * affinity[i] * expert_output(ours.experts, i, x)
            chosen[i] += E / (k * S)
        for d, members in enumerate(on):
            sent[d] += devices / (top * S) * any(i in members for i in picked)
        mean = [m + s / S for m, s in zip(mean, affinity, strict=True)]
        used = {int(i) * devices // E for i in info.routing.expert_A[info.routing.token_A == t]}
        strays += len(used - set(allowed))
    yield at_most("assignments outside a token's devices", strays, 0)
    of_devices = [sum(mean[i] for i in members) for members in on]
    chosen_on = [sum(chosen[i] for i in members) / len(members) for members in on]
    losses = {
        "load_balance": sum(f * p for f, p in zip(chosen, mean, strict=True)),
        "device_balance": sum(f * p for f, p in zip(chosen_on, of_devices, strict=True)),
        "communication_balance": sum(f * p for f, p in zip(sent, of_devices, strict=True)),
    }
    yield from beside_loop("equations", (y_BSD, info), expected, losses)


def drops() -> Iterator[Check]:
    """In training, what each device keeps: by a plain loop over what was wanted."""
    devices, top, k = 4, 2, 3
    fields: dict[str, Any] = {"spared_sequences": 0.3, "device_capacity_factor": 4 / 5}
    ours = _layer(experts_per_token=k, n_devices=devices, top_devices=top, **fields).eval()
    x_BSD = tokens(B, S, D, seed=6)
    wanted, kept = ours(x_BSD)[1].routing, ours.train()(x_BSD)[1].routing
    budget = math.ceil(B * S * k / devices * 4 / 5)
    expected = set()
    for device in range(devices):
        asked = [
            (float(w), int(t), int(e))
            for w, t, e in zip(wanted.weight_A.detach(), wanted.token_A, wanted.expert_A, strict=True)
            if int(e) * devices // E == device
        ]
        spared = [item for item in asked if item[1] < S]  # 0.3 of three sequences is the first
        others = sorted(set(asked) - set(spared), reverse=True)
        expected |= {item[1:] for item in spared + others[: max(budget - len(spared), 0)]}
    got = {(int(t), int(e)) for t, e in zip(kept.token_A, kept.expert_A, strict=True)}
    yield at_most("assignments kept or dropped otherwise than by a plain loop", len(got ^ expected), 0)
    yield at_most("drops that the report misses", abs(kept.n_dropped - (B * S * k - len(expected))), 0)
