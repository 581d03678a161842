"""Setting a layer beside an independent one: same weights, same tokens, same direction of the gradient."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from reference_impls.core.layer import MoELayer
from reference_impls.verify.check import Check, same


def decisive(layer: MoELayer, seed: int = 0) -> MoELayer:
    """Draw the router's matrices anew so that logits are of order one: a fresh router is uniform."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in layer.router.parameters():
            if weight.dim() > 1:
                drawn = torch.randn(weight.shape, generator=generator) * 2 * weight.shape[-1] ** -0.5
                weight.copy_(drawn)
    return layer


def clear_tokens(
    score: Callable[[Tensor], Tensor], k: int, shape: tuple[int, int, int], *, dtype: torch.dtype, gap: float = 1e-3
) -> Tensor:
    """Unit-variance tokens [B, S, D] whose k best scores are more than `gap` apart from each other and from the
    next: no choice hangs on rounding.

    Args:
        score: [T, D] -> [T, E], what the design takes the best k of.
        k: how many it takes.
        shape: B, S, D.
        dtype: of the tokens.
        gap: least difference of neighbours in the order.
    """
    B, S, D = shape
    x_TD = torch.randn(20 * B * S, D, generator=torch.Generator().manual_seed(1)).to(dtype)
    with torch.no_grad():
        score_TE = score(x_TD)
    best_TK = score_TE.topk(min(k + 1, score_TE.shape[1]), dim=-1).values
    clear_T = (-best_TK.diff(dim=-1) > gap).all(-1) if best_TK.shape[1] > 1 else torch.ones(len(x_TD)).bool()
    chosen_TD = x_TD[clear_T][: B * S]
    if len(chosen_TD) < B * S:
        raise ValueError(f"only {len(chosen_TD)} of {B * S} tokens have a gap of {gap}")
    return chosen_TD.view(B, S, D)


def beside(
    name: str,
    ours: Callable[[Tensor], Tensor],
    theirs: Callable[[Tensor], Tensor],
    x_BSD: Tensor,
    weights: Mapping[str, tuple[Tensor, Tensor]],
    **tolerance: float,
) -> Iterator[Check]:
    """Outputs and gradients (of the tokens and of each pair of weights) of two layers.

    Args:
        name: what the checks are called after.
        ours: [B, S, D] -> [B, S, D].
        theirs: the same function, made by others.
        x_BSD: tokens.
        weights: leaves that correspond: ours, theirs. A gradient that neither has is not compared.
        tolerance: `rtol` and `atol`, as in `close`.
    """
    results = []
    for side, layer in enumerate((ours, theirs)):
        x_leaf = x_BSD.clone().requires_grad_()
        y_BSD = layer(x_leaf).view_as(x_BSD)
        direction = torch.randn(y_BSD.shape, generator=torch.Generator().manual_seed(2)).to(y_BSD.dtype)
        leaves = {"tokens": x_leaf} | {part: pair[side] for part, pair in weights.items()}
        gradients = torch.autograd.grad(y_BSD, list(leaves.values()), direction, allow_unused=True)
        named = {
            f"gradient of {part}": torch.zeros_like(leaf) if gradient is None else gradient
            for (part, leaf), gradient in zip(leaves.items(), gradients, strict=True)
        }
        results.append({"output": y_BSD} | named)
    yield from same(name, results[0], results[1], **tolerance)


def against_library(
    name: str,
    layer: MoELayer,
    block: nn.Module,
    x_BSD: Tensor,
    weights: Mapping[str, tuple[Tensor, Tensor]],
    **tolerance: float,
) -> Iterator[Check]:
    """Outputs and gradients of a layer and of a library's block, with a map of their weights, as in `beside`."""
    yield from beside(name, lambda x: layer(x)[0], only_output(block), x_BSD, weights, **tolerance)


def block_of(block_class: type[nn.Module], config: Any, dtype: torch.dtype = torch.float32) -> Any:
    """A block of transformers, its experts run one by one, its weights drawn so that outputs are of order one."""
    config._experts_implementation = "eager"
    block = block_class(config).to(dtype)
    for weight in block.parameters():
        nn.init.normal_(weight, std=weight.shape[-1] ** -0.5)
    return block


def weight_map(ours: Any, block: Any) -> dict[str, tuple[Tensor, Tensor]]:
    """Router and experts of a layer, and of a block of transformers that stacks its experts as we do."""
    router = block.gate if hasattr(block, "gate") else block.router
    return {
        "the router": (ours.router.weight_ED, getattr(router, "classifier", router).weight),
        "w_in": (ours.experts.w_in_EID, block.experts.gate_up_proj),
        "w_out": (ours.experts.w_out_EDF, block.experts.down_proj),
    }


@torch.no_grad()
def share_weights(weights: Mapping[str, tuple[Tensor, Tensor]]) -> None:
    """Copy the first of each pair of weights into the second."""
    for ours, theirs in weights.values():
        theirs.copy_(ours)


def only_output(block: nn.Module) -> Callable[[Tensor], Tensor]:
    """The first part of what a block of transformers returns."""

    def run(x_BSD: Tensor) -> Tensor:
        made = block(x_BSD)
        output: Tensor = made[0] if isinstance(made, tuple) else made
        return output

    return run
