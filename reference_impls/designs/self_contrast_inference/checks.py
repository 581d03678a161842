"""Self-contrast: both runs against Mixtral's block of transformers or a loop, the contrast in float64."""

import math
from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from reference_impls.config import check_config
from reference_impls.designs.self_contrast_inference.router import make_layer, run_model, self_contrast, weakened
from reference_impls.entry import Entry
from reference_impls.tasks.clusters import ClustersTask
from reference_impls.verify.check import Check, apart, at_least, at_most, close, worst_of
from reference_impls.verify.libraries import (
    beside,
    clear_tokens,
    decisive,
    drawn,
    in_both,
    mixtral_block,
    only_output,
    share_weights,
    weight_map,
)
from reference_impls.verify.naive import dot_products, expert_output, largest, tokens

D, F, E, B, S, C = 32, 48, 8, 3, 16, 11
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E, weak_rank=3)


def checks(entry: Entry) -> Iterator[Check]:
    """Strong run, weak run, contrast, the two together."""
    yield from in_both(transformers_block)
    for rank in (1, 3, E):
        yield from weak_run(rank)
    for contrast, plausible in ((0.5, 0.1), (2.0, 0.02), (0.0, 0.1), (0.5, 1.0)):
        yield from contrast_of_two(contrast, plausible)
    yield from whole_model(entry)


def transformers_block(dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """The strong run is Mixtral's block, the weak run of rank 1 is the block with one expert a token."""
    for k in (2, 1):
        block, ours = mixtral_block(D, F, E, k, dtype), _layer(weak_rank=1, dtype=dtype)
        weights = weight_map(ours, block)
        share_weights(weights)
        if k == 1:  # with one expert of weight one the router has no gradient
            del weights["the router"]
        ours.router.weak = k == 1
        x_BSD = clear_tokens(ours.router.logits, k, (B, S, D), dtype=dtype)
        name = f"transformers' MixtralSparseMoeBlock, {'weak' if k == 1 else 'strong'} run, {str(dtype)[6:]}"
        yield from beside(name, only_output(ours), only_output(block), x_BSD, weights, **tolerance)


def weak_run(rank: int) -> Iterator[Check]:
    """Outputs of the weak run by a plain loop over tokens; the strong run comes back after it."""
    ours, x_TD = _layer(weak_rank=rank), tokens(S, D, seed=5)
    ranked = [largest(dot_products(ours.router.weight_ED, x), rank) for x in x_TD]
    expected = torch.stack([expert_output(ours.experts, best[-1], x) for best, x in zip(ranked, x_TD, strict=True)])
    before = ours(x_TD[None])[0]
    with weakened(ours):
        weak = ours(x_TD[None])[0][0]
    yield apart(f"weak run of rank {rank}, by a float64 loop: outputs", weak, expected)
    yield apart(f"the strong run after a weak one of rank {rank}, change", ours(x_TD[None])[0], before, 0)


def _logits() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(6)
    strong = 3 * torch.randn(200, C, dtype=torch.float64, generator=generator)
    return strong, strong / 2 + 2 * torch.randn(200, C, dtype=torch.float64, generator=generator)


def contrast_of_two(contrast: float, plausible: float) -> Iterator[Check]:
    """The log-probabilities by a plain loop, and the choice by the paper's rule."""
    strong, weak = _logits()
    made = self_contrast(strong, weak, contrast, plausible)
    worst, other_choices = 0.0, 0
    for s, w, ours in zip(strong.tolist(), weak.tolist(), made.tolist(), strict=True):
        p = [math.exp(value) for value in s]
        p = [value / sum(p) for value in p]
        inside = [c for c in range(C) if s[c] >= math.log(plausible) + max(s)]
        z = {c: math.exp((1 + contrast) * s[c] - contrast * w[c]) for c in inside}
        share = sum(p[c] for c in inside)
        expected = [share * z[c] / sum(z.values()) if c in z else p[c] for c in range(C)]
        worst = worst_of(worst, *(abs(math.exp(a) - b) for a, b in zip(ours, expected, strict=True)))
        other_choices += max(range(C), key=ours.__getitem__) != max(z, key=z.__getitem__)
    name = f"contrast {contrast:g}, plausible from {plausible:g}"
    yield at_most(f"{name}, by a float64 loop: largest difference of the probabilities", worst, 1e-12)
    yield at_most(f"{name}: choices that differ from the paper's rule", other_choices, 0)
    yield apart(f"{name}: probabilities differ from one in all by", made.exp().sum(-1), 1)
    if contrast == 0 or plausible == 1:
        yield close(f"{name}: the strong run remains", made, strong.log_softmax(-1), rtol=1e-12, atol=1e-12)


@torch.no_grad()
def whole_model(entry: Entry) -> Iterator[Check]:
    """Outside training the contrast of two runs of the model, in training one run; the reports are the strong run's."""
    torch.manual_seed(0)
    task = ClustersTask(entry, check_config(entry.config_class, {"task": "clusters"}))
    decisive(task.model.layer)  # type: ignore[arg-type]
    points = task.training_batch(torch.Generator().manual_seed(1))
    strong = task.forward(points)
    with weakened(task.model):
        weak = task.forward(points)
    expected = self_contrast(strong.output, weak.output, 0.5, 0.1)
    task.model.eval()
    done = run_model(task, points)
    yield apart("the model outside training differs from the contrast of its runs by", done.output, expected, 0)
    yield at_least("it differs from the strong run by", (expected - strong.output.log_softmax(-1)).abs().max(), 0.1)
    reported = (done.infos["layer 0"].routing.share_TE() - strong.infos["layer 0"].routing.share_TE()).abs().max()
    yield at_most("the reported routing differs from the strong run's by", reported, 0)
    both = (strong.infos["layer 0"].routing.share_TE() * weak.infos["layer 0"].routing.share_TE()).sum()
    yield at_most("tokens whose weak expert is a chosen one", both, 0)
    task.model.train()
    same = (run_model(task, points).output - strong.output).abs().max()
    yield at_most("in training the model differs from its strong run by", same, 0)
