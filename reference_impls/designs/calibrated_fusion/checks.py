"""MoCaE: isotonic regression against scipy, fusion by loops, and what calibration is for."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reference_impls.config import check_config
from reference_impls.designs.calibrated_fusion.calibration import Calibrator, calibration_error, isotonic
from reference_impls.designs.calibrated_fusion.config import MoCaEConfig
from reference_impls.designs.calibrated_fusion.router import fuse, make_layer, run_model
from reference_impls.entry import Entry
from reference_impls.tasks.clusters import ClustersTask
from reference_impls.verify.check import Check, apart, at_least, at_most, worst_of


def checks(entry: Entry) -> Iterator[Check]:
    """Calibrators, fusion, experts apart, reliability."""
    yield from chain(scipy_isotonic(), counting(), fusion(), one_by_one(entry), named_expert(), boastful_expert())


def scipy_isotonic() -> Iterator[Check]:
    """Weighted isotonic regression of random, rising and falling values."""
    from scipy.optimize import isotonic_regression

    generator = torch.Generator().manual_seed(0)
    value_EC = torch.rand(9, 25, dtype=torch.float64, generator=generator)
    value_EC[0], value_EC[1] = value_EC[0].sort().values, value_EC[1].sort(descending=True).values
    weight_EC = torch.rand(9, 25, dtype=torch.float64, generator=generator) * 30 + 0.1
    theirs = np.stack(
        [isotonic_regression(v, weights=w).x for v, w in zip(value_EC.numpy(), weight_EC.numpy(), strict=True)]
    )
    yield apart("isotonic regression differs from scipy's by", isotonic(value_EC, weight_EC), torch.from_numpy(theirs))


def counting() -> Iterator[Check]:
    """Bins, forgetting, calibration and its error by plain loops."""
    from scipy.optimize import isotonic_regression

    E, N, C, memory = 3, 200, 10, 0.7
    generator = torch.Generator().manual_seed(1)
    calibrator = Calibrator(E, C, memory).double()
    counts, hits = np.zeros((E, C)), np.zeros((E, C))
    for _ in range(3):
        confidence_EN = torch.rand(E, N, dtype=torch.float64, generator=generator)
        hit_EN = torch.rand(E, N, dtype=torch.float64, generator=generator) < confidence_EN**2
        calibrator.update(confidence_EN, hit_EN)
        counts, hits = counts * memory, hits * memory
        for e in range(E):
            for confidence, hit in zip(confidence_EN[e].tolist(), hit_EN[e].tolist(), strict=True):
                b = min(int(confidence * C), C - 1)
                counts[e, b] += 1
                hits[e, b] += hit
    worst = 0.0
    for e in range(E):
        rate = [(hits[e, b] + (b + 0.5) / C) / (counts[e, b] + 1) for b in range(C)]
        curve = isotonic_regression(rate, weights=counts[e] + 1).x
        made = calibrator(confidence_EN)[e].tolist()
        for confidence, calibrated in zip(confidence_EN[e].tolist(), made, strict=True):
            worst = worst_of(worst, abs(curve[min(int(confidence * C), C - 1)] - calibrated))
    yield at_most("calibrated confidence differs from a loop by", worst, 1e-6)
    expected = 0.0
    for b in range(C):
        gap = sum(
            confidence - hit
            for confidence, hit in zip(confidence_EN[0].tolist(), hit_EN[0].tolist(), strict=True)
            if min(int(confidence * C), C - 1) == b
        )
        expected += abs(gap) / N
    error = float(calibration_error(confidence_EN, hit_EN, C)[0])
    yield apart("calibration error differs from a loop by", error, expected)


def fusion() -> Iterator[Check]:
    """Fused probabilities by a plain loop; taken at their word, experts are averaged by confidence."""
    E, N, V = 3, 11, 5
    generator = torch.Generator().manual_seed(2)
    logit_ENV = 2 * torch.randn(E, N, V, dtype=torch.float64, generator=generator)
    calibrated_EN = torch.rand(E, N, dtype=torch.float64, generator=generator)
    made = fuse(logit_ENV, calibrated_EN)
    worst, p = 0.0, logit_ENV.softmax(-1)
    for n in range(N):
        total = [0.0] * V
        for e in range(E):
            top = int(p[e, n].argmax())
            for v in range(V):
                keep = (1 - float(calibrated_EN[e, n])) / (1 - float(p[e, n, top]))
                believed = float(calibrated_EN[e, n]) if v == top else float(p[e, n, v]) * keep
                total[v] += float(calibrated_EN[e, n] / calibrated_EN[:, n].sum()) * believed
        worst = worst_of(worst, *(abs(total[v] - float(made.log_NV[n, v].exp())) for v in range(V)))
    yield at_most("fused probabilities differ from a loop by", worst, 1e-12)
    yield apart("fused probabilities miss one by", made.log_NV.exp().sum(-1), 1)
    stated_EN = p.amax(-1)
    plain = torch.einsum("en,env->nv", stated_EN / stated_EN.sum(0), p)
    yield at_most(
        "taken at their word, the fusion differs from a weighted average by",
        (fuse(logit_ENV, stated_EN).log_NV.exp() - plain).abs().max(), 1e-12,
    )  # fmt: skip


def _task(entry: Entry, **fields: Any) -> Any:
    torch.manual_seed(0)
    values = {"task": "clusters", "threads": 1, "batch_size": 3, "n_experts": 3, **fields}
    return ClustersTask(entry, check_config(entry.config_class, values))


def one_by_one(entry: Entry) -> Iterator[Check]:
    """The fused prediction is made of the experts run alone; each learns from its own loss."""
    task = _task(entry)
    batch = task.training_batch(torch.Generator().manual_seed(3))
    done = run_model(task, batch)
    own: list[Tensor] = []
    for e in range(3):
        hidden = task.model.layer.experts(batch.x_BSD.flatten(0, 1), e)
        own.append(task.model.head(hidden))
    # Calibrators that have seen nothing know the centre of each bin.
    bins = task.config.layer.confidence_bins
    stated_EN = torch.stack(own).softmax(-1).amax(-1)
    centre_EN = ((stated_EN * bins).long().clamp(max=bins - 1) + 0.5) / bins
    expected = fuse(torch.stack(own), centre_EN).log_NV.view_as(done.output)
    yield apart("the fused prediction differs from experts run alone by", done.output, expected, 1e-5)
    yield at_most("the fused prediction has a gradient", float(done.output.requires_grad), 0)

    weight = task.model.layer.experts.w_in_EID
    (ours,) = torch.autograd.grad(task.evaluate(batch).loss, weight)
    losses = [torch.nn.functional.cross_entropy(logit, batch.label_BS.flatten()) for logit in own]
    (theirs,) = torch.autograd.grad(torch.stack(losses).mean(), weight)
    yield apart("gradient of the experts, beside their own losses", ours, theirs, 1e-6)


def named_expert() -> Iterator[Check]:
    """A layer gives each sequence the output of the expert that is named."""
    torch.manual_seed(0)
    layer: Any = make_layer(MoCaEConfig(d_model=16, d_expert=8, n_experts=3)).double()
    x_BSD = torch.randn(4, 5, 16, dtype=torch.float64)
    y_BSD, _ = layer(x_BSD, domain=torch.tensor([2, 0, 1, 2]))
    expected = torch.stack([layer.experts(x_BSD[b], e) for b, e in enumerate((2, 0, 1, 2))])
    yield apart("outputs differ from those of the named experts by", y_BSD, expected)


def boastful_expert() -> Iterator[Check]:
    """The paper's claim: an expert bolder than it is right no longer drowns an honest one."""
    generator = torch.Generator().manual_seed(4)
    V, N, calibrator = 6, 4000, Calibrator(2, 25, 1.0)

    def draw() -> tuple[Tensor, Tensor]:
        truth_NV = 1.5 * torch.randn(N, V, generator=generator)
        label_N = torch.multinomial(truth_NV.softmax(-1), 1, generator=generator)[:, 0]
        blurred_NV = truth_NV + 1.5 * torch.randn(N, V, generator=generator)
        return torch.stack([truth_NV, 5 * blurred_NV]), label_N

    for _ in range(5):
        logit_ENV, label_N = draw()
        stated_EN, top_EN = logit_ENV.softmax(-1).max(-1)
        calibrator.update(stated_EN, top_EN == label_N)
    logit_ENV, label_N = draw()
    stated_EN, top_EN = logit_ENV.softmax(-1).max(-1)
    hit_EN, calibrated_EN = top_EN == label_N, calibrator(stated_EN)
    before, after = (calibration_error(c, hit_EN, 25) for c in (stated_EN, calibrated_EN))
    yield at_least("calibration divides the boastful expert's error by", before[1] / after[1], 5)
    yield at_most("and leaves the honest expert's at", after[0], 0.03)
    naive, fused = (-fuse(logit_ENV, c).log_NV.gather(1, label_N[:, None]).mean() for c in (stated_EN, calibrated_EN))
    yield at_least("cross-entropy that calibration saves the fusion", naive - fused, 0.05, "nats")
