"""gpt-oss against `GptOssMLP` of transformers, and against the equations in float64."""

import math
from collections.abc import Iterator
from typing import Any

import torch

from reference_impls.designs.topk_softmax_router.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most
from reference_impls.verify.libraries import beside, clear_tokens, drawn, in_both, only_output
from reference_impls.verify.naive import largest, tokens

D, F, E, B, S = 32, 24, 8, 3, 20
LIMIT = 1.5  # low enough for ordinary tokens to reach it


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs and gradients beside transformers, equations, the bias's say."""
    for k in (1, 4, 8):
        yield from in_both(transformers_block, k, rtol=1e-11, atol=1e-12)
    yield from equations()
    yield from bias_moves_the_choice()


def _layer(k: int, dtype: torch.dtype) -> Any:
    layer = drawn(make_layer, dtype, d_model=D, d_expert=F, n_experts=E, experts_per_token=k, swiglu_limit=LIMIT)
    for name, parameter in layer.named_parameters():
        if "bias" in name or ".b_" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    return layer


def transformers_block(k: int, dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """The block's weights, drawn at random, are taken over; its gradients are brought into our order."""
    from transformers import GptOssConfig as TheirConfig
    from transformers.models.gpt_oss.modeling_gpt_oss import GptOssMLP

    config = TheirConfig(
        hidden_size=D, intermediate_size=F, num_local_experts=E, num_experts_per_tok=k, swiglu_limit=LIMIT
    )
    config._experts_implementation = "eager"
    block: Any = GptOssMLP(config)
    block.to(dtype)
    for weight in block.parameters():
        torch.nn.init.normal_(weight, std=0.5 if weight.dim() < 3 else weight.shape[1] ** -0.5)
    torch.nn.init.normal_(block.router.weight, std=2 * D**-0.5)
    ours = _layer(k, dtype)
    ours.load_transformers_block(block)
    # Leaves of our layout that the block's weights are views of, so that gradients correspond.
    leaves = {name: weight.detach().clone().requires_grad_() for name, weight in ours.experts.named_parameters()}
    w_in = torch.stack(leaves["w_in_EID"].chunk(2, dim=1), dim=2).flatten(1, 2)
    b_in = torch.stack(leaves["b_in_EI"].chunk(2, dim=1), dim=2).flatten(1, 2)
    views = {
        "gate_up_proj": w_in.transpose(1, 2), "gate_up_proj_bias": b_in,
        "down_proj": leaves["w_out_EDF"].transpose(1, 2), "down_proj_bias": leaves["b_out_ED"],
    }  # fmt: skip
    changed = max(float((getattr(block.experts, name) - view).detach().abs().max()) for name, view in views.items())
    name = f"transformers' GptOssMLP, k = {k}, {str(dtype)[6:]}"
    yield at_most(f"{name}: weights taken over differ by", changed, 0)
    for part, view in views.items():
        delattr(block.experts, part)
        setattr(block.experts, part, view)
    x_BSD = clear_tokens(ours.router.logits, k, (B, S, D), dtype=dtype)
    pairs = {part: (weight, leaves[part]) for part, weight in ours.experts.named_parameters()}
    pairs["the router"] = (ours.router.weight_ED, block.router.weight)
    pairs["the router's bias"] = (ours.router.router_bias_E, block.router.bias)
    yield from beside(name, only_output(ours), only_output(block), x_BSD, pairs, **tolerance)


def equations() -> Iterator[Check]:
    """Outputs by a plain loop over tokens, chosen experts and hidden units."""
    ours = _layer(3, torch.float64)
    x_TD = tokens(S, D, seed=5)
    experts, router = ours.experts, ours.router
    expected, clamped = torch.zeros_like(x_TD), 0
    for t, x in enumerate(x_TD):
        logits = [
            float(w @ x + b) for w, b in zip(router.weight_ED.detach(), router.router_bias_E.detach(), strict=True)
        ]
        best = largest(logits, 3)
        total = sum(math.exp(logits[i]) for i in best)
        for i in best:
            inner = (experts.w_in_EID[i].detach() @ x + experts.b_in_EI[i].detach()).tolist()
            hidden = []
            for gate, up in zip(inner[:F], inner[F:], strict=True):
                clamped += gate > LIMIT or abs(up) > LIMIT
                gate, up = min(gate, LIMIT), max(-LIMIT, min(up, LIMIT))
                hidden.append((up + 1) * gate / (1 + math.exp(-1.702 * gate)))
            output = experts.w_out_EDF[i].detach() @ torch.tensor(hidden, dtype=torch.float64)
            expected[t] += math.exp(logits[i]) / total * (output + experts.b_out_ED[i].detach())
    yield apart("equations, by a float64 loop: outputs differ by", ours(x_TD[None])[0][0], expected)
    yield at_least("hidden values that reached a clamp", clamped, 50)


def bias_moves_the_choice() -> Iterator[Check]:
    """An expert of large bias is chosen by all, with a weight that the bias counts in."""
    ours = _layer(2, torch.float64)
    with torch.no_grad():
        ours.router.router_bias_E.zero_()[3] = 100.0
    routing = ours(torch.randn(1, S, D, dtype=torch.float64))[1].routing
    yield at_most("tokens without the expert of large bias", S - routing.load_E[3], 0)
    yield at_least("its least weight", routing.weight_A[routing.expert_A == 3].detach().min(), 1 - 1e-9)
