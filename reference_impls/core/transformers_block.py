"""Taking over the weights of a mixture-of-experts block of transformers, so that the two can be set side by side."""

import re
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from reference_impls.core.layer import MoELayer

# What the blocks call their parts; the first group, where there is one, is the number of the expert.
_ROUTER = r"(?:gate|router)\.(?:classifier\.|wg\.|proj\.|layer\.)?weight"
_ROUTER_BIAS = r"(?:gate|router)\.(?:classifier\.|wg\.|proj\.|layer\.)?bias"
_SELECTION_BIAS = r"(?:gate|router|gate\.router)\.(?:e_score_correction_bias|expert_bias)"
_ONE_EXPERT = r"experts\.(?:expert_)?(\d+)\."
_GATE, _UP, _DOWN = r"(?:w1|gate_proj|wi_0)\.weight", r"(?:w3|up_proj|wi_1)\.weight", r"(?:w2|down_proj|wo|fc2)\.weight"
_SHARED = r"(?:shared_experts?|shared_mlp)\."


def load_block(layer: MoELayer, block: nn.Module) -> None:
    """Copy every weight of `block` into `layer`.

    Understood are blocks with a linear router (and a bias on it, or a bias that only selects), experts of two
    or three matrices, stacked or one by one, shared experts of three, and gpt-oss's experts with biases.

    How a block weighs and scales what it has chosen is no weight, and not compared.

    Raises:
        ValueError: if a weight of the block has no place in the layer, one of the layer gets none, the
            shapes differ, or a token has another number of experts; nothing is copied then.
    """
    _refuse_another_k(layer, block)
    given = dict(block.named_parameters()) | {n: b for n, b in block.named_buffers() if b.is_floating_point()}
    wanted = dict(layer.named_parameters()) | {n: b for n, b in layer.named_buffers() if b.is_floating_point()}
    found, used = {}, set()
    for name, value, sources in _matched(given):
        if name not in wanted:
            raise ValueError(f"{type(block).__name__} has {sources[0]}, for which this layer has no place ({name})")
        if wanted[name].shape != value.shape:
            raise ValueError(
                f"{name} is {tuple(wanted[name].shape)} here, {tuple(value.shape)} in {type(block).__name__} "
                f"({sources[0]}): make the layer with the block's sizes"
            )
        found[name] = value
        used.update(sources)
    for kind, names in (("has", given.keys() - used), ("lacks", wanted.keys() - found.keys())):
        if names:
            raise ValueError(f"{type(block).__name__} {kind} {', '.join(sorted(names))}: not the block of this design")
    with torch.no_grad():
        for name, value in found.items():
            wanted[name].copy_(value)


def _refuse_another_k(layer: MoELayer, block: nn.Module) -> None:
    parts = (block, getattr(block, "gate", None), getattr(block, "router", None))
    counts = (getattr(part, "top_k", None) for part in parts)
    theirs = next((k for k in counts if isinstance(k, int)), None)
    ours = getattr(getattr(layer.router, "config", None), "experts_per_token", None)
    if ours is not None and theirs not in (None, ours):
        raise ValueError(
            f"experts_per_token is {ours} here, {theirs} in {type(block).__name__}: make the layer with the block's"
        )


def _matched(given: dict[str, Tensor]) -> Iterator[tuple[str, Tensor, list[str]]]:
    """Our name, the value, and the block's names that it was made of."""
    for pattern, ours in (
        (_ROUTER, "router.weight_ED"), (_ROUTER_BIAS, "router.router_bias_E"), (_SELECTION_BIAS, "router.bias_E"),
    ):  # fmt: skip
        for name in _named(pattern, given):
            yield ours, given[name], [name]
    if "experts.gate_up_proj_bias" in given:
        yield from _interleaved(given)
    elif "experts.gate_up_proj" in given:
        yield "experts.w_in_EID", given["experts.gate_up_proj"], ["experts.gate_up_proj"]
        yield "experts.w_out_EDF", given["experts.down_proj"], ["experts.down_proj"]
    for prefix, ours in ((_ONE_EXPERT, "experts"), (_SHARED, "shared")):
        gates, ups = _named(prefix + _GATE, given), _named(prefix + _UP, given)
        downs = _named(prefix + _DOWN, given)
        plain = _named(prefix + r"(?:wi|fc1)\.weight", given)
        if gates:
            pairs = [torch.cat([given[gate], given[up]]) for gate, up in zip(gates, ups, strict=True)]
            yield f"{ours}.w_in_EID", torch.stack(pairs), [*gates, *ups]
        elif plain:
            yield f"{ours}.w_in_EID", torch.stack([given[name] for name in plain]), plain
        if downs:
            yield f"{ours}.w_out_EDF", torch.stack([given[name] for name in downs]), downs


def _interleaved(given: dict[str, Tensor]) -> Iterator[tuple[str, Tensor, list[str]]]:
    """Experts with biases, weights [experts, inputs, outputs], gate and up in turns (gpt-oss)."""
    first_EID = given["experts.gate_up_proj"].transpose(1, 2)
    for ours, source, value in (
        ("w_in_EID", "gate_up_proj", first_EID), ("b_in_EI", "gate_up_proj_bias", given["experts.gate_up_proj_bias"]),
    ):  # fmt: skip
        yield f"experts.{ours}", torch.cat([value[:, ::2], value[:, 1::2]], dim=1), [f"experts.{source}"]
    yield "experts.w_out_EDF", given["experts.down_proj"].transpose(1, 2), ["experts.down_proj"]
    yield "experts.b_out_ED", given["experts.down_proj_bias"], ["experts.down_proj_bias"]


def _named(pattern: str, given: dict[str, Tensor]) -> list[str]:
    """The names that match, in the order of the experts' numbers."""
    found = [(re.fullmatch(pattern, name), name) for name in given]
    matches = [(int(match[1]) if match.groups() else 0, name) for match, name in found if match]
    return [name for _, name in sorted(matches)]
