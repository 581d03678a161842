"""LongCat-Flash against `LongcatFlashMoE` of transformers, and the equations in float64."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from reference_impls.core.routing import Progress
from reference_impls.designs.zero_expert_router.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most
from reference_impls.verify.libraries import beside_block, block_of, drawn, in_both
from reference_impls.verify.naive import dot_products, expert_output, largest, softmax, tokens

D, F, N, Z, K, B, S, SCALE = 32, 24, 6, 3, 3, 3, 20, 4.0


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs, gradients, equations, where the biases lead."""
    for zeros in (0, Z):
        yield from in_both(transformers_block, zeros)
    yield from equations()
    yield from control()


def _layer(zeros: int, dtype: torch.dtype = torch.float64, **fields: Any) -> Any:
    fields |= {"d_model": D, "d_expert": F, "n_experts": N, "choices_per_token": K, "routed_scale": SCALE}
    layer = drawn(make_layer, dtype, zero_experts=zeros, **fields)
    layer.router.bias_E.copy_(0.1 * torch.randn(N + zeros, generator=torch.Generator().manual_seed(3)))
    return layer


def transformers_block(zeros: int, dtype: torch.dtype, **tolerance: Any) -> Iterator[Check]:
    """Outputs and all gradients beside the block of transformers."""
    from transformers import LongcatFlashConfig
    from transformers.models.longcat_flash.modeling_longcat_flash import LongcatFlashMoE

    config = LongcatFlashConfig(
        hidden_size=D, expert_ffn_hidden_size=F, n_routed_experts=N, zero_expert_num=zeros, moe_topk=K,
        routed_scaling_factor=SCALE,
    )  # fmt: skip
    config.num_local_experts = N
    layer, block = _layer(zeros, dtype), block_of(LongcatFlashMoE, config, dtype)
    # Theirs reserves input weights for zero experts, too, and never uses them.
    block.experts.gate_up_proj = torch.nn.Parameter(block.experts.gate_up_proj.detach()[:N].clone())
    torch.nn.init.normal_(block.router.e_score_correction_bias, std=0.1)

    def score(x_TD: Tensor) -> Tensor:
        biased_TE: Tensor = layer.router.logits(x_TD).softmax(-1) + layer.router.bias_E
        return biased_TE

    yield from beside_block(f", {zeros} zero experts", layer, block, (B, S, D), K, score, **tolerance)


def equations() -> Iterator[Check]:
    """Outputs and the step of the biases by a plain loop over tokens and choices."""
    ours = _layer(Z, bias_update_speed=0.3)
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
    yield apart("equations, by a float64 loop: outputs", y_BSD[0], expected)
    yield at_least("zero experts chosen in that loop", identities, 1)
    ours.on_step(info, Progress(1, 2))
    wanted = [b + 0.3 * (2 / K / N - c / (K * S)) * (i < N) for i, (b, c) in enumerate(zip(bias, chosen, strict=True))]
    yield apart("equations: biases after a step", ours.router.bias_E, wanted)
    yield at_most("biases among the trainable weights", sum("bias" in n for n, _ in ours.named_parameters()), 0)


def control() -> Iterator[Check]:
    """With fixed weights, the biases alone lead to the expected number of true experts, evenly used."""
    for start in (-1.0, 1.0):
        ours = _layer(Z, bias_update_speed=0.5)
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
