"""DeepSeek-V3 against `DeepseekV3MoE` of transformers, and against the equations in float64."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from reference_impls.core.routing import Progress
from reference_impls.designs.deepseek_v3_router.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart
from reference_impls.verify.libraries import beside, block_of, drawn, in_both, only_output, weight_map
from reference_impls.verify.naive import beside_loop, dot_products, expert_output, largest, tokens

D, F, E, B, S = 32, 24, 16, 3, 20
SHAPES = (
    {"experts_per_token": 3, "n_groups": 4, "top_groups": 2, "shared_experts": 1},
    {"experts_per_token": 6, "n_groups": 8, "top_groups": 4, "shared_experts": 2},
    {"experts_per_token": 1, "n_groups": 1, "top_groups": 1, "shared_experts": 1},
)


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs and gradients for three shapes of groups, equations, the step of the bias."""
    for shape in SHAPES:
        yield from in_both(transformers_block, shape)
    yield from equations()
    yield from bias_step()


def _layer(dtype: torch.dtype = torch.float64, **fields: Any) -> Any:
    made = drawn(make_layer, dtype, d_model=D, d_expert=F, n_experts=E, **fields)
    torch.nn.init.normal_(made.router.bias_E, std=0.1)
    return made


def transformers_block(shape: dict[str, int], dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """Outputs and all gradients beside the block of transformers, with its weights."""
    from transformers import DeepseekV3Config
    from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3MoE

    k, groups = shape["experts_per_token"], shape["n_groups"]
    config = DeepseekV3Config(
        hidden_size=D, moe_intermediate_size=F, n_routed_experts=E, num_experts_per_tok=k, n_group=groups,
        topk_group=shape["top_groups"], n_shared_experts=shape["shared_experts"], routed_scaling_factor=2.5,
        norm_topk_prob=True,
    )  # fmt: skip
    block, ours = block_of(DeepseekV3MoE, config, dtype), _layer(dtype, **shape)
    torch.nn.init.normal_(block.gate.e_score_correction_bias, std=0.1)
    ours.load_transformers_block(block)
    name, x_BSD = f"transformers' DeepseekV3MoE, {groups} groups, k = {k}, {dtype}", _clear_tokens(ours, shape, dtype)
    yield from beside(name, only_output(ours), only_output(block), x_BSD, weight_map(ours, block), **tolerance)


def _clear_tokens(ours: Any, shape: dict[str, int], dtype: torch.dtype) -> Tensor:
    """Tokens for which neither the choice of groups nor of experts hangs on less than 1e-3."""
    k, top_groups = shape["experts_per_token"], shape["top_groups"]
    x_TD = torch.randn(8 * B * S, D, generator=torch.Generator().manual_seed(1)).to(dtype)
    biased_TE = (ours.router.logits(x_TD).sigmoid() + ours.router.bias_E).detach()
    top = ours.router._within_groups(biased_TE).topk(k + 1, dim=-1).values
    clear = top[:, k - 1] - top[:, k] > 1e-3
    if top_groups < shape["n_groups"]:
        worth = biased_TE.view(len(x_TD), shape["n_groups"], -1).topk(2, dim=-1).values.sum(-1)
        best = worth.topk(top_groups + 1, dim=-1).values
        clear &= best[:, top_groups - 1] - best[:, top_groups] > 1e-3
    chosen_TD: Tensor = x_TD[clear]
    return chosen_TD[: B * S].view(B, S, D)


def equations() -> Iterator[Check]:
    """Outputs, and the balancing loss sequence by sequence, by a plain loop (equations 12 to 20)."""
    ours = _layer(experts_per_token=3, n_groups=4, top_groups=2)
    x_BSD = tokens(B, S, D, seed=5)
    balance, expected, bias = 0.0, torch.zeros_like(x_BSD), ours.router.bias_E.tolist()
    for b in range(B):
        frequency, mean = [0.0] * E, [0.0] * E
        for s, x in enumerate(x_BSD[b]):
            score = [1 / (1 + math.exp(-logit)) for logit in dot_products(ours.router.weight_ED, x)]
            biased = [s + b for s, b in zip(score, bias, strict=True)]
            groups = [range(4 * g, 4 * g + 4) for g in range(4)]
            worth = [sum(sorted((biased[i] for i in group), reverse=True)[:2]) for group in groups]
            allowed = [i for g in largest(worth, 2) for i in groups[g]]
            chosen = sorted(allowed, key=lambda i: biased[i], reverse=True)[:3]
            expected[b, s] = expert_output(ours.shared, 0, x)
            for i in chosen:
                expected[b, s] += 2.5 * score[i] / sum(score[j] for j in chosen) * expert_output(ours.experts, i, x)
            for i in largest(score, 3):
                frequency[i] += E / (3 * S)
            for i in range(E):
                mean[i] += score[i] / sum(score) / S
        balance += sum(f * p for f, p in zip(frequency, mean, strict=True)) / B
    yield from beside_loop("equations 12 to 20", ours(x_BSD), expected, losses={"load_balance": balance})


def bias_step() -> Iterator[Check]:
    """After a step each bias has moved by the speed, towards the mean load."""
    ours, mean = _layer(bias_update_speed=0.01), B * S * 3 / E
    before = ours.router.bias_E.clone()
    routing = ours(torch.randn(B, S, D, dtype=torch.float64))[1].routing
    ours.router.on_step(routing, Progress(1, 1))
    expected = [0.01 * ((load < mean) - (load > mean)) for load in routing.load_E.tolist()]
    yield apart("the step of the bias", ours.router.bias_E - before, expected)
