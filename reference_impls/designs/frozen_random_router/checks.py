"""The frozen router against Mixtral's block with the same router weights, a float64 loop, and its schedule."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from reference_impls.core.routing import Progress
from reference_impls.designs.frozen_random_router.config import RandomFrozenConfig
from reference_impls.designs.frozen_random_router.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_most
from reference_impls.verify.libraries import beside, clear_tokens, mixtral_block, only_output, share_weights
from reference_impls.verify.naive import Assignments, against_naive, largest, tensor_softmax, tokens

D, F, E = 16, 12, 6


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs and gradients, equations, what stays as it was."""
    yield from chain(frozen_mixtral(), equations(), frozen())


def _layer(**fields: Any) -> Any:
    torch.manual_seed(0)
    layer: Any = make_layer(RandomFrozenConfig(d_model=D, d_expert=F, n_experts=E, **fields))
    layer.router.frozen_ED.mul_(3)  # opinions of order one
    return layer


def frozen_mixtral() -> Iterator[Check]:
    """A frozen Mixtral block is this design."""
    block, ours = mixtral_block(D, F, E, 2), _layer()
    pairs = {
        "w_in": (ours.experts.w_in_EID, block.experts.gate_up_proj),
        "w_out": (ours.experts.w_out_EDF, block.experts.down_proj),
    }
    share_weights({"the router": (ours.router.frozen_ED, block.gate.weight), **pairs})
    x_BSD = clear_tokens(lambda x: x @ ours.router.frozen_ED.T, 2, (3, 10, D), dtype=torch.float32)
    name = "transformers' MixtralSparseMoeBlock, its gate frozen"
    yield from beside(name, only_output(ours), only_output(block), x_BSD, pairs, rtol=1e-4, atol=1e-5)


def equations() -> Iterator[Check]:
    """Sort each token's logits by hand."""
    layer = _layer(experts_per_token=3).double()

    def assign(x_TD: Tensor) -> Assignments:
        for t, x_D in enumerate(x_TD):
            logit_E = layer.router.frozen_ED @ x_D
            best = largest(logit_E.tolist(), 3)
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
    yield apart("training moves the router's weights by", layer.router.frozen_ED, before, 0)
    idle = (layer.experts.w_out_EDF - trained).abs().amax((1, 2)) == 0
    yield at_most("experts that training leaves as they were", idle.sum(), 0)
    yield at_most("steps with another number of experts than the line has", off, 0)
