"""LongCat-Flash against `LongcatFlashMoE` of transformers, and the equations in float64."""

from collections.abc import Iterator
from typing import Any

import torch

from reference_impls.core.routing import Progress
from reference_impls.designs.zero_expert_router.config import LongCatZeroConfig
from reference_impls.designs.zero_expert_router.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_least, at_most
from reference_impls.verify.libraries import against_library, block_of, clear_tokens, decisive, weight_map
from reference_impls.verify.naive import dot_products, expert_output, largest, softmax, tokens

D, F, N, Z, K, B, S, SCALE = 32, 24, 6, 3, 3, 3, 20, 4.0


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs, gradients, equations, where the biases lead."""
    for zeros in (0, Z):
        yield from transformers_block(zeros, torch.float32, rtol=1e-4, atol=1e-5)
        # The reference computes router probabilities in float32 whatever the input: hence not tighter in float64.
        yield from transformers_block(zeros, torch.float64, rtol=1e-5, atol=1e-5)
    yield from equations()
    yield from control()


def _layer(zeros: int, dtype: torch.dtype, **fields: Any) -> Any:
    torch.manual_seed(0)
    config = LongCatZeroConfig(
        d_model=D, d_expert=F, n_experts=N, zero_experts=zeros, choices_per_token=K, routed_scale=SCALE, **fields
    )
    layer: Any = decisive(make_layer(config).to(dtype))
    layer.router.bias_E.copy_(0.1 * torch.randn(N + zeros, generator=torch.Generator().manual_seed(3)))
    return layer


def transformers_block(zeros: int, dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """Outputs and all gradients beside the block of transformers."""
    from transformers import LongcatFlashConfig
    from transformers.models.longcat_flash.modeling_longcat_flash import LongcatFlashMoE

    config = LongcatFlashConfig(
        hidden_size=D, expert_ffn_hidden_size=F, n_routed_experts=N, zero_expert_num=zeros, moe_topk=K,
        routed_scaling_factor=SCALE,
    )  # fmt: skip
    config.num_local_experts = N
    block = block_of(LongcatFlashMoE, config, dtype)
    # Theirs reserves input weights for zero experts, too, and never uses them.
    block.experts.gate_up_proj = torch.nn.Parameter(block.experts.gate_up_proj.detach()[:N].clone())
    torch.nn.init.normal_(block.router.e_score_correction_bias, std=0.1)
    ours = _layer(zeros, dtype)
    ours.load_transformers_block(block)
    x_BSD = clear_tokens(lambda x: ours.router.logits(x).softmax(-1) + ours.router.bias_E, K, (B, S, D), dtype=dtype)
    yield from against_library(
        f"transformers' LongcatFlashMoE, {zeros} zero experts, {str(dtype)[6:]}",
        ours, block, x_BSD,
        weight_map(ours, block),
        **tolerance,
    )  # fmt: skip


def equations() -> Iterator[Check]:
    """Outputs and the step of the biases by a plain loop over tokens and choices."""
    ours = _layer(Z, torch.float64, bias_update_speed=0.3)
    x_TD = tokens(S, D, seed=5)
    expected, chosen, identities = torch.zeros_like(x_TD), [0] * (N + Z), 0
    bias = ours.router.bias_E.tolist()
    for t, x in enumerate(x_TD):
        probability = softmax(dot_products(ours.router.weight_ED, x))
        for i in largest([p + b for p, b in zip(probability, bias, strict=True)], K):
            chosen[i] += 1
            identities += i >= N
            expected[t] += SCALE * probability[i] * (expert_output(ours.experts, i, x) if i < N else x)
    y_BSD, info = ours(x_TD[None])
    worst = (y_BSD[0].detach() - expected).abs().max()
    yield at_most("equations, by a float64 loop: largest difference of the outputs", worst, 1e-12)
    yield at_least("zero experts chosen in that loop", identities, 1)
    ours.on_step(info, Progress(1, 2))
    wanted = [b + 0.3 * (2 / K / N - c / (K * S)) * (i < N) for i, (b, c) in enumerate(zip(bias, chosen, strict=True))]
    step = max(abs(a - b) for a, b in zip(ours.router.bias_E.tolist(), wanted, strict=True))
    yield at_most("equations: difference of the biases after a step", step, 1e-12)
    yield at_most("biases among the trainable weights", sum("bias" in n for n, _ in ours.named_parameters()), 0)


def control() -> Iterator[Check]:
    """With fixed weights, the biases alone lead to the expected number of true experts, evenly used."""
    for start in (-1.0, 1.0):
        ours = _layer(Z, torch.float64, bias_update_speed=0.5)
        ours.router.bias_E[:N] = start
        x_BSD = tokens(8, 64, D, seed=8)
        with torch.no_grad():
            for step in range(600):
                ours.on_step(ours(x_BSD)[1], Progress(step + 1, 600))
            info = ours(x_BSD)[1]
        off = abs(info.stats["true_experts"] - 2)
        yield at_most(f"true experts of a token, apart from those expected, from biases of {start:g}", off, 0.05)
        load_E = info.routing.load_E.double()
        yield at_most("largest load of a true expert over the mean, minus 1", load_E.max() / load_E.mean() - 1, 0.1)
