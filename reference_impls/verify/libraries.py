"""Setting a layer beside an independent one: same weights, same tokens, same direction of the gradient."""

from collections.abc import Callable, Iterator, Mapping
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn

from reference_impls.core.layer import MoELayer
from reference_impls.verify.check import Check, same


def decisive(layer: MoELayer, seed: int = 0) -> MoELayer:
    """Draw the router's matrices anew so that logits are of order one: a fresh router has no opinions to check."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in layer.router.parameters():
            if weight.dim() > 1:
                drawn = torch.randn(weight.shape, generator=generator) * 2 * weight.shape[-1] ** -0.5
                weight.copy_(drawn)
    return layer


def drawn(make_layer: Callable[[Any], MoELayer], dtype: torch.dtype = torch.float64, **fields: Any) -> Any:
    """A layer of the design with a router that has opinions, the same each time.

    Args:
        make_layer: what makes layers of the design; its argument's class is the configuration.
        dtype: of the layer.
        fields: configuration, settings that are bounded by the number of experts brought within their bounds.
    """
    config = signature(make_layer, eval_str=True).parameters["config"].annotation
    torch.manual_seed(0)
    return decisive(make_layer(config.with_experts(**fields)).to(dtype))


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


def in_both(
    check: Callable[..., Iterator[Check]], *args: Any, rtol: float = 1e-5, atol: float = 1e-5
) -> Iterator[Check]:
    """`check(*args, dtype, rtol=, atol=)` in float32, then in float64 with the tolerances given.

    The defaults are for blocks of transformers, which compute router probabilities in float32 whatever the input.
    """
    yield from check(*args, torch.float32, rtol=1e-4, atol=1e-5)
    yield from check(*args, torch.float64, rtol=rtol, atol=atol)


def beside_block(
    what: str,
    layer: Any,
    block: nn.Module,
    shape: tuple[int, int, int],
    k: int,
    score: Callable[[Tensor], Tensor] | None = None,
    gap: float = 1e-3,
    **tolerance: float,
) -> Iterator[Check]:
    """Outputs and all gradients beside a block of transformers whose weights the layer takes over.

    Args:
        what: case that the checks are called after, beside the block.
        layer: layer that can load the block.
        block: as `block_of` makes it.
        shape: B, S, D of the tokens.
        k: experts per token.
        score: what the design takes the best k of; router probabilities unless given.
        gap: least difference of two scores in the order.
        tolerance: `rtol` and `atol`, as in `close`.
    """
    layer.load_transformers_block(block)
    dtype = layer.router.weight_ED.dtype
    score = score or (lambda x: layer.router.logits(x).softmax(-1))
    x_BSD = clear_tokens(score, k, shape, dtype=dtype, gap=gap)
    name = f"transformers' {type(block).__name__}{what}, {str(dtype)[6:]}"
    yield from beside(name, only_output(layer), only_output(block), x_BSD, weight_map(layer, block), **tolerance)


def block_of(block_class: type[nn.Module], config: Any, dtype: torch.dtype = torch.float32) -> Any:
    """A block of transformers, its experts run one by one, its weights drawn so that outputs are of order one."""
    config._experts_implementation = "eager"
    block = block_class(config).to(dtype)
    for weight in block.parameters():
        nn.init.normal_(weight, std=weight.shape[-1] ** -0.5)
    return block


def mixtral_block(d_model: int, d_expert: int, n_experts: int, k: int, dtype: torch.dtype = torch.float32) -> Any:
    """Mixtral's block: softmax over the k best logits."""
    from transformers import MixtralConfig
    from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock

    sizes: dict[str, Any] = {"hidden_size": d_model, "intermediate_size": d_expert, "num_local_experts": n_experts}
    return block_of(MixtralSparseMoeBlock, MixtralConfig(**sizes, num_experts_per_tok=k), dtype)


def olmoe_block(d_model: int, d_expert: int, n_experts: int, k: int, dtype: torch.dtype = torch.float32) -> Any:
    """OLMoE's block: the k best of a softmax over all logits, as they are."""
    from transformers import OlmoeConfig
    from transformers.models.olmoe.modeling_olmoe import OlmoeSparseMoeBlock

    sizes: dict[str, Any] = {"hidden_size": d_model, "intermediate_size": d_expert, "num_experts": n_experts}
    return block_of(OlmoeSparseMoeBlock, OlmoeConfig(**sizes, num_experts_per_tok=k, norm_topk_prob=False), dtype)


def twins(**leaves: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Each leaf and a copy of its own, as `beside` wants them."""
    return {name: (leaf, leaf.detach().clone().requires_grad_()) for name, leaf in leaves.items()}


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
