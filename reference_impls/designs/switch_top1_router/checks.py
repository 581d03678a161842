"""Switch against `SwitchTransformersSparseMLP` of transformers, its two losses, and the equations in float64."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from reference_impls.designs.switch_top1_router.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_most, close
from reference_impls.verify.libraries import beside, clear_tokens, drawn, in_both, only_output
from reference_impls.verify.naive import added, beside_loop, dot_products, largest, serve, softmax, tokens

D, F, E, B, S = 32, 48, 8, 3, 40
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E, jitter=0, z_coefficient=0.001)


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs and gradients at three capacities, losses, equations."""
    for factor in (0.5, 1.25, 8.0):
        yield from in_both(transformers_layer, factor, rtol=1e-11, atol=1e-12)
    yield from equations()


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
    ours = _layer(dtype=dtype, capacity_factor_train=factor, capacity_factor_eval=factor)
    torch.nn.init.normal_(block.router.classifier.weight, std=2 * D**-0.5)
    ours.load_transformers_block(block)
    x_BSD = clear_tokens(lambda x: ours.router.logits(x).softmax(-1), 1, (B, S, D), dtype=dtype)
    name = f"transformers' SwitchTransformersSparseMLP, capacity factor {factor:g}, {str(dtype)[6:]}"
    pairs = {"the router": (ours.router.weight_ED, block.router.classifier.weight)}
    yield from beside(name, only_output(ours), only_output(block), x_BSD, pairs, **tolerance)

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
    ours = _layer(dtype=torch.float64, routing_group="batch", capacity_factor_eval=0.9).eval()
    x_TD, capacity = tokens(B * S, D, seed=5), -int(-0.9 * B * S // E)
    gates = [softmax(dot_products(ours.router.weight_ED, x)) for x in x_TD]
    choices = [[(largest(gate, 1)[0], max(gate))] for gate in gates]
    expected, demand = serve(ours.experts, x_TD, choices, capacity)
    balance = E * sum(n / len(x_TD) * m / len(x_TD) for n, m in zip(demand, added(gates), strict=True))
    made, dropped = ours(x_TD.view(B, S, D)), sum(max(0, n - capacity) for n in demand)
    losses = {"load_balance": balance}
    yield from beside_loop("equations 1 to 6", made, expected, losses, load=demand, dropped=dropped)
