"""The frozen router against Mixtral's block with the same router weights, a float64 loop, and its schedule."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from reference_impls.core.routing import Progress
from reference_impls.designs.frozen_random_router.config import RandomFrozenConfig
from reference_impls.designs.frozen_random_router.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_most
from reference_impls.verify.libraries import against_library, block_of, clear_tokens
from reference_impls.verify.naive import Assignments, against_naive, tensor_softmax, tokens

D, F, E = 16, 12, 6


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs and gradients, equations, what stays as it was."""
    yield from mixtral_block()
    yield from equations()
    yield from frozen()


def _layer(**fields: Any) -> Any:
    torch.manual_seed(0)
    layer: Any = make_layer(RandomFrozenConfig(d_model=D, d_expert=F, n_experts=E, **fields))
    layer.router.frozen_ED.mul_(3)  # logits of order one
    return layer


def mixtral_block() -> Iterator[Check]:
    """A frozen Mixtral block is this design."""
    from transformers import MixtralConfig
    from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock

    config = MixtralConfig(hidden_size=D, intermediate_size=F, num_local_experts=E, num_experts_per_tok=2)
    block = block_of(MixtralSparseMoeBlock, config)
    ours = _layer()
    with torch.no_grad():
        block.gate.weight.copy_(ours.router.frozen_ED)
        block.experts.gate_up_proj.copy_(ours.experts.w_in_EID)
        block.experts.down_proj.copy_(ours.experts.w_out_EDF)
    x_BSD = clear_tokens(lambda x: x @ ours.router.frozen_ED.T, 2, (3, 10, D), dtype=torch.float32)
    yield from against_library(
        "transformers' MixtralSparseMoeBlock, its gate frozen",
        ours, block, x_BSD,
        {
            "w_in": (ours.experts.w_in_EID, block.experts.gate_up_proj),
            "w_out": (ours.experts.w_out_EDF, block.experts.down_proj),
        },
        rtol=1e-4, atol=1e-5,
    )  # fmt: skip


def equations() -> Iterator[Check]:
    """Sort each token's logits by hand."""
    layer = _layer(experts_per_token=3).double()

    def assign(x_TD: Tensor) -> Assignments:
        for t, x_D in enumerate(x_TD):
            logit_E = layer.router.frozen_ED @ x_D
            best = sorted(range(E), key=lambda i: float(logit_E[i].detach()), reverse=True)[:3]
            for weight, expert in zip(tensor_softmax(logit_E[best]), best, strict=True):
                yield t, expert, weight

    yield from against_naive("a float64 loop", layer, tokens(2, 6, D), assign)


def frozen() -> Iterator[Check]:
    """Training moves the experts, not the router."""
    layer = _layer(first_experts_per_token=1, experts_per_token=4)
    optimiser = torch.optim.AdamW(layer.parameters(), lr=0.1)
    before, trained = layer.router.frozen_ED.clone(), layer.experts.w_out_EDF.detach().clone()
    off = 0
    for step in range(8):
        y_BSD, info = layer(torch.randn(2, 5, D))
        off += int(info.stats["experts_per_token"]) != 1 + round(3 * step / 8)
        y_BSD.square().sum().backward()
        optimiser.step()
        layer.on_step(info, Progress(step + 1, 8))
    yield at_most("training moves the router's weights by", (layer.router.frozen_ED - before).abs().max(), 0)
    idle = (layer.experts.w_out_EDF - trained).abs().amax((1, 2)) == 0
    yield at_most("experts that training leaves as they were", idle.sum(), 0)
    yield at_most("steps with another number of experts than the line has", off, 0)
