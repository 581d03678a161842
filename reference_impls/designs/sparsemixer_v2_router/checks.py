"""SparseMixer-v2 against `PhimoeSparseMoeBlock` of transformers, its equations, and what it estimates."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from unittest.mock import patch

import torch
from torch import Tensor

from reference_impls.designs.sparsemixer_v2_router.router import draw, make_layer, near_softmax
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most
from reference_impls.verify.libraries import beside, block_of, clear_tokens, drawn, only_output, weight_map
from reference_impls.verify.naive import dot_products, expert_output, softmax, tokens

D, F, E, B, S, WIDTH = 32, 24, 8, 3, 20, 1.2
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E, relative_width=WIDTH)


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs and gradients in both modes, equations, chances, the estimate."""
    for dtype in (torch.float32, torch.float64):
        yield from transformers_block(False, dtype, rtol=1e-4, atol=1e-5)
        # In training the block multiplies by 0.3333 instead of 1/3, a difference of 1e-4 of the value.
        yield from transformers_block(True, dtype, rtol=1e-3, atol=2e-4)
    yield from chain(equations(), chances(), estimate())


def transformers_block(training: bool, dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """Outputs and all gradients beside the block of transformers, in training with the same numbers drawn."""
    from transformers import PhimoeConfig
    from transformers.models.phimoe.modeling_phimoe import PhimoeSparseMoeBlock

    config = PhimoeConfig(
        hidden_size=D, intermediate_size=F, num_local_experts=E, num_experts_per_tok=2,
        router_jitter_noise=WIDTH / 2, input_jitter_noise=0.0,
    )  # fmt: skip
    block, ours = block_of(PhimoeSparseMoeBlock, config, dtype), _layer(dtype=dtype)
    ours.load_transformers_block(block)
    for module in (ours, block):
        module.train(training)
    x_BSD = clear_tokens(ours.router.logits, 2, (B, S, D), dtype=dtype)

    def layer(x_BSD: Tensor) -> Tensor:
        torch.manual_seed(4)
        return only_output(ours)(x_BSD)

    def theirs(x_BSD: Tensor) -> Tensor:
        torch.manual_seed(4)
        with patch.object(torch, "rand_like", _once_a_round(torch.rand_like)):
            return only_output(block)(x_BSD)

    case = f"{'in training, drawn alike' if training else 'outside training'}, {dtype}"
    name = f"transformers' PhimoeSparseMoeBlock {case}"
    yield from beside(name, layer, theirs, x_BSD, weight_map(ours, block), **tolerance)


def _once_a_round(rand_like: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The block draws twice in its second round and uses the second draw: keep the first from being made."""
    calls = []

    def sometimes(value: Tensor) -> Tensor:
        calls.append(value)
        return rand_like(value) if len(calls) == 1 else torch.empty_like(value)

    return sometimes


def equations() -> Iterator[Check]:
    """Outputs outside training for three rounds, by a plain loop."""
    ours = _layer(experts_per_token=3).eval()
    x_TD = tokens(S, D, seed=5)
    expected, near = torch.zeros_like(x_TD), 0
    for t, x in enumerate(x_TD):
        logits, left = dot_products(ours.router.weight_ED, x), set(range(E))
        for turn in range(3):
            best = max(left, key=lambda i: logits[i])
            top = logits[best]
            close = [i for i in left if top - logits[i] <= WIDTH * max(abs(logits[i]), top)]
            weight = dict(zip(close, softmax([logits[i] for i in close]), strict=True))[best]
            expected[t] += weight * expert_output(ours.experts, best, x)
            left.remove(best)
            near += len(close) if turn == 0 else 0
    y_BSD, info = ours(x_TD[None])
    yield apart("equations, by a float64 loop: outputs", y_BSD[0], expected)
    yield at_most("equations: difference of near_experts", abs(info.stats["near_experts"] - near / S), 1e-12)


def chances() -> Iterator[Check]:
    """Experts are drawn as often as their distribution says, and scaled by a third as often as stated."""
    T = 40_000
    logit_TE = torch.tensor([1.0, 0.8, 0.3, -2.0], dtype=torch.float64).expand(T, 4)
    probability_TE = near_softmax(logit_TE, logit_TE, 0.9)
    torch.manual_seed(0)
    expert_T1, weight_T1 = draw(probability_TE)
    frequency_E = torch.bincount(expert_T1[:, 0], minlength=4) / T
    separate = (frequency_E - probability_TE[0]).abs().max()
    yield at_most("frequency of experts drawn, apart from their probability", separate, 4 * 0.5 / T**0.5)
    yield at_most("draws of an expert out of range", frequency_E[3], 0)
    scaled_T = (weight_T1 / probability_TE.gather(1, expert_T1) < 0.5)[:, 0]
    off_best_T = expert_T1[:, 0] != 0
    yield at_most("the best expert scaled by a third", (scaled_T & ~off_best_T).sum(), 0)
    share = float(scaled_T.sum() / off_best_T.sum())
    yield apart("share of other draws scaled by a third, apart from 3/4", share, 0.75, 0.02)


def estimate() -> Iterator[Check]:
    """The mean gradient of an expert that is not the best is that of its being drawn.

    If an outcome f follows the weight w of the expert, and nothing else does, the gradient of the draw is
    (f(p) - f(0)) times that of p, with p the probability and the weight outside training. Third order means: exact
    for cubic f, but for chance.
    """
    T = 200_000

    def outcome(weight: Tensor) -> Tensor:
        return 3 * weight - 8 * weight.square() + 9 * weight**3

    logits = torch.tensor([0.4, 0.0], dtype=torch.float64, requires_grad=True)
    probability = logits.softmax(-1)[1]
    (slope,) = torch.autograd.grad(probability, logits)
    true = outcome(probability.detach()) * slope
    torch.manual_seed(0)
    expert_T1, weight_T1 = draw(logits.softmax(-1).expand(T, 2))
    loss = torch.where(expert_T1 == 1, outcome(weight_T1), 0.0).mean()
    (estimated,) = torch.autograd.grad(loss, logits)
    yield at_most("error of the estimated gradient of a draw, relative", (estimated - true).norm() / true.norm(), 0.03)
    weight = logits.softmax(-1)[1]
    (plain,) = torch.autograd.grad(probability.detach() * outcome(weight), logits)
    yield at_least("error of the gradient of the weight alone", (plain - true).norm() / true.norm(), 0.1)
