"""DeepSeek-V3 against `DeepseekV3MoE` of transformers, and against the equations in float64."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from reference_impls.core.routing import Progress
from reference_impls.designs.deepseek_v3_router.config import DeepSeekV3Config
from reference_impls.designs.deepseek_v3_router.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_most, worst_of
from reference_impls.verify.libraries import against_library, block_of, decisive, weight_map
from reference_impls.verify.naive import expert_output, largest, tokens

D, F, E, B, S = 32, 24, 16, 3, 20
SHAPES = (
    {"experts_per_token": 3, "n_groups": 4, "top_groups": 2, "shared_experts": 1},
    {"experts_per_token": 6, "n_groups": 8, "top_groups": 4, "shared_experts": 2},
    {"experts_per_token": 1, "n_groups": 1, "top_groups": 1, "shared_experts": 1},
)


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs and gradients for three shapes of groups, equations, the step of the bias."""
    for shape in SHAPES:
        # The reference routes in float32 whatever the input: hence not tighter in float64.
        yield from transformers_block(shape, torch.float32)
        yield from transformers_block(shape, torch.float64)
    yield from equations()
    yield from bias_step()


def _layer(dtype: torch.dtype = torch.float64, **fields: Any) -> Any:
    torch.manual_seed(0)
    made = decisive(make_layer(DeepSeekV3Config(d_model=D, d_expert=F, n_experts=E, **fields)).to(dtype))
    torch.nn.init.normal_(made.router.bias_E, std=0.1)  # type: ignore[arg-type]
    return made


def transformers_block(shape: dict[str, int], dtype: torch.dtype) -> Iterator[Check]:
    """Outputs and all gradients beside the block of transformers, with its weights."""
    from transformers import DeepseekV3Config
    from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3MoE

    config = DeepseekV3Config(
        hidden_size=D, moe_intermediate_size=F, n_routed_experts=E,
        num_experts_per_tok=shape["experts_per_token"], n_group=shape["n_groups"], topk_group=shape["top_groups"],
        n_shared_experts=shape["shared_experts"], routed_scaling_factor=2.5, norm_topk_prob=True,
    )  # fmt: skip
    block = block_of(DeepseekV3MoE, config, dtype)
    torch.nn.init.normal_(block.gate.e_score_correction_bias, std=0.1)
    ours = _layer(dtype, **shape)
    ours.load_transformers_block(block)
    yield from against_library(
        f"transformers' DeepseekV3MoE, {shape['n_groups']} groups, k = {shape['experts_per_token']}, {str(dtype)[6:]}",
        ours, block, _clear_tokens(ours, shape, dtype),
        weight_map(ours, block),
    )  # fmt: skip


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
    named: dict[str, Tensor] = {name: value.detach() for name, value in ours.state_dict().items()}

    x_BSD = tokens(B, S, D, seed=5)
    with torch.no_grad():
        y_BSD, info = ours(x_BSD)
    balance, worst = 0.0, 0.0
    for b in range(B):
        frequency, mean = [0.0] * E, [0.0] * E
        for s, x in enumerate(x_BSD[b]):
            score = (1 / (1 + torch.exp(-named["router.weight_ED"] @ x))).tolist()
            biased = [score[i] + float(named["router.bias_E"][i]) for i in range(E)]
            groups = [range(4 * g, 4 * g + 4) for g in range(4)]
            worth = [sum(sorted((biased[i] for i in group), reverse=True)[:2]) for group in groups]
            open_groups = largest(worth, 2)
            allowed = [i for g in open_groups for i in groups[g]]
            chosen = sorted(allowed, key=lambda i: biased[i], reverse=True)[:3]
            expected = expert_output(ours.shared, 0, x)
            for i in chosen:
                expected = expected + 2.5 * score[i] / sum(score[j] for j in chosen) * expert_output(ours.experts, i, x)
            worst = worst_of(worst, float((y_BSD[b, s] - expected).abs().max()))
            for i in largest(score, 3):
                frequency[i] += E / (3 * S)
            for i in range(E):
                mean[i] += score[i] / sum(score) / S
        balance += sum(f * p for f, p in zip(frequency, mean, strict=True)) / B
    yield at_most("equations 12 to 16, by a float64 loop: outputs", worst, 1e-11)
    yield at_most("equations 17 to 20: balancing loss", abs(info.losses["load_balance"].value - balance), 1e-12)


def bias_step() -> Iterator[Check]:
    """After a step each bias has moved by the speed, towards the mean load."""
    ours = _layer(bias_update_speed=0.01)
    before = ours.router.bias_E.clone()
    routing = ours(torch.randn(B, S, D, dtype=torch.float64))[1].routing
    ours.router.on_step(routing, Progress(1, 1))
    mean, worst = B * S * 3 / E, 0.0
    for e in range(E):
        load = int(routing.load_E[e])
        expected = 0.01 * ((load < mean) - (load > mean))
        worst = worst_of(worst, abs(float(ours.router.bias_E[e] - before[e]) - expected))
    yield at_most("the step of the bias", worst, 1e-12)
