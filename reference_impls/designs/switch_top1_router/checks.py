"""Switch against `SwitchTransformersSparseMLP` of transformers, its two losses, and the equations in float64."""

from collections.abc import Iterator
from typing import Any

import torch

from reference_impls.designs.switch_top1_router.config import SwitchTop1Config
from reference_impls.designs.switch_top1_router.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_most, close
from reference_impls.verify.libraries import against_library, clear_tokens, decisive
from reference_impls.verify.naive import expert_output, tokens

D, F, E, B, S = 32, 48, 8, 3, 40


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs and gradients at three capacities, losses, equations."""
    for factor in (0.5, 1.25, 8.0):
        yield from transformers_layer(factor, torch.float32, rtol=1e-4, atol=1e-5)
        yield from transformers_layer(factor, torch.float64, rtol=1e-11, atol=1e-12)
    yield from equations()


def _layer(dtype: torch.dtype, **fields: Any) -> Any:
    torch.manual_seed(0)
    config = SwitchTop1Config(d_model=D, d_expert=F, n_experts=E, jitter=0, z_coefficient=0.001, **fields)
    return decisive(make_layer(config).to(dtype))


def transformers_layer(factor: float, dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """Outputs, gradients and both losses beside the layer of transformers."""
    from transformers import SwitchTransformersConfig
    from transformers.models.switch_transformers.modeling_switch_transformers import (
        SwitchTransformersSparseMLP,
        load_balancing_loss_func,
        router_z_loss_func,
    )

    capacity = -int(-S * factor // E)
    block: Any = SwitchTransformersSparseMLP(
        SwitchTransformersConfig(
            d_model=D, d_ff=F, num_experts=E, expert_capacity=capacity, router_jitter_noise=0.0,
            dropout_rate=0.0, dense_act_fn="relu", router_bias=False,
        )
    )  # fmt: skip
    block.to(dtype)
    block.router.dtype = dtype  # its config does not take float64; its balancing loss is float32 all the same
    ours = _layer(dtype, capacity_factor_train=factor, capacity_factor_eval=factor)
    torch.nn.init.normal_(block.router.classifier.weight, std=2 * D**-0.5)
    ours.load_transformers_block(block)
    x_BSD = clear_tokens(lambda x: ours.router.logits(x).softmax(-1), 1, (B, S, D), dtype=dtype)
    name = f"transformers' SwitchTransformersSparseMLP, capacity factor {factor:g}, {str(dtype)[6:]}"
    pairs = {"the router": (ours.router.weight_ED, block.router.classifier.weight)}
    yield from against_library(name, ours, block, x_BSD, pairs, **tolerance)

    info = ours(x_BSD)[1]
    dropped = info.routing.n_dropped
    yield at_most(f"{name}: assignments dropped or not as the capacity allows", float((dropped > 0) != (factor < 2)), 0)
    _, _, logit_BSE = block.router(x_BSD)
    probability_BSE = logit_BSE.softmax(-1)
    balance: Any = load_balancing_loss_func(probability_BSE, probability_BSE.argmax(-1))
    yield close(f"{name}: balancing loss", info.losses["load_balance"].value, balance)
    z: Any = router_z_loss_func(logit_BSE)
    yield close(f"{name}: z-loss", info.losses["router_z"].value, z, **tolerance)


def equations() -> Iterator[Check]:
    """Equations 1 to 6 of the paper in a plain loop, capacity over the whole batch."""
    ours = _layer(torch.float64, routing_group="batch", capacity_factor_eval=0.9).eval()
    x_TD = tokens(B * S, D, seed=5)
    capacity, taken, first = -int(-0.9 * B * S // E), [0] * E, [0] * E
    expected, mean = torch.zeros_like(x_TD), torch.zeros(E, dtype=torch.float64)
    for t, x in enumerate(x_TD):
        exponent = torch.exp(ours.router.weight_ED.detach() @ x)
        probability = exponent / exponent.sum()
        best = int(probability.argmax())
        first[best] += 1
        mean += probability / len(x_TD)
        if taken[best] < capacity:
            taken[best] += 1
            expected[t] = probability[best] * expert_output(ours.experts, best, x)
    y_BSD, info = ours(x_TD.view(B, S, D))
    balance = E * sum(first[i] / len(x_TD) * float(mean[i]) for i in range(E))
    yield at_most("equations 1 to 3, by a float64 loop: outputs", (y_BSD.view(-1, D) - expected).abs().max(), 1e-12)
    yield at_most("the same: demand", (info.routing.load_E - torch.tensor(first)).abs().max(), 0)
    yield at_most("the same: drops", abs(info.routing.n_dropped - (B * S - sum(taken))), 0)
    yield at_most("equations 4 to 6: balancing loss", abs(info.losses["load_balance"].value - balance), 1e-12)
