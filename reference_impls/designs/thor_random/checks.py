"""THOR: layer and loss against plain loops and scipy, and what chance cannot learn."""

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from reference_impls.config import check_config
from reference_impls.core.layer import MoELayer
from reference_impls.core.metrics import relative_information
from reference_impls.core.routing import Progress
from reference_impls.designs.thor_random.config import ThorConfig
from reference_impls.designs.thor_random.router import disagreement, make_layer, run_model
from reference_impls.entry import Entry
from reference_impls.tasks.clusters import ClustersTask, dense_baseline
from reference_impls.tasks.train import make_optimiser, train_step
from reference_impls.verify.check import Check, apart, at_least, at_most
from reference_impls.verify.naive import expert_output, tokens

D, H, E, B, S = 16, 12, 5, 6, 8


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs, loss, chance, agreement, and the clusters."""
    for unit in ("batch", "sequence", "token"):
        yield from equations(unit)
    yield from chain(divergence(), two_passes(entry), uniform(), clusters(entry))


def _layer(**fields: Any) -> MoELayer:
    torch.manual_seed(0)
    return make_layer(ThorConfig(d_model=D, d_expert=H, n_experts=E, **fields)).double()


def equations(unit: str) -> Iterator[Check]:
    """Outputs by a plain loop over tokens, with the draws that the same seed gives."""
    ours: Any = _layer(draw_train=unit)
    x_BSD = tokens(B, S, D, seed=5)
    torch.manual_seed(3)
    drawn = torch.randint(E, ({"batch": 1, "sequence": B, "token": B * S}[unit],)).tolist()
    expected = torch.zeros_like(x_BSD)
    for b in range(B):
        for s in range(S):
            e = drawn[{"batch": 0, "sequence": b, "token": b * S + s}[unit]]
            expected[b, s] = expert_output(ours.experts, e, x_BSD[b, s])
    torch.manual_seed(3)
    worst = (ours(x_BSD)[0].detach() - expected).abs().max()
    yield at_most(f"equations, a draw for each {unit}, by a float64 loop: outputs", worst, 1e-12)


def divergence() -> Iterator[Check]:
    """The consistency is half the sum of scipy's two relative entropies; 0 of equal predictions."""
    from scipy.stats import entropy

    generator = torch.Generator().manual_seed(6)
    first, second = (3 * torch.randn(B, S, 7, dtype=torch.float64, generator=generator) for _ in range(2))
    p, q = first.softmax(-1).numpy(), second.softmax(-1).numpy()
    theirs = float((entropy(p, q, axis=-1) + entropy(q, p, axis=-1)).mean() / 2)
    yield at_most("scipy's relative entropies: difference", abs(float(disagreement(first, second)) - theirs), 1e-12)
    yield at_most("disagreement of a prediction with itself", disagreement(first, first + 2.0), 1e-14)
    turned = abs(float(disagreement(first, second) - disagreement(second, first)))
    yield at_most("turning the two passes about changes it by", turned, 1e-14)


def _task(entry: Entry, **fields: Any) -> ClustersTask:
    torch.manual_seed(0)
    return ClustersTask(entry, check_config(entry.config_class, {"task": "clusters", "threads": 1, **fields}))


def two_passes(entry: Entry) -> Iterator[Check]:
    """The training loss is that of two passes run by hand, and its gradient reaches the draws of both."""
    task = _task(entry, n_experts=E, consistency_coefficient=0.7)
    task.model.double().train()
    points = task.training_batch(torch.Generator().manual_seed(1))
    points = replace(points, x_BSD=points.x_BSD.double())
    label_T = points.label_BS.flatten()
    torch.manual_seed(3)
    outcome = task.evaluate(points)
    torch.manual_seed(3)
    model: Any = task.model
    passes, used = [], []
    for _ in range(2):
        logits, infos = model(points.x_BSD)
        passes.append(logits.detach().flatten(0, 1))
        used.append(infos["layer 0"].routing.load_E)
    p, q = (logits.softmax(-1) for logits in passes)
    by_hand = sum(float(F.cross_entropy(logits, label_T)) for logits in passes)
    by_hand += 0.7 * 0.5 * float(((p - q) * (p.log() - q.log())).sum(-1).mean())
    yield apart("training loss, two passes by hand: difference", outcome.means["loss"], by_hand)
    yield at_least("assignments in which the two passes differ", (used[0] - used[1]).abs().sum(), 1)
    done = run_model(task, points)
    done.losses["consistency"].value.backward()
    reached = (model.layer.experts.w_out_EDF.grad.abs().sum((1, 2)) > 0).sum()
    yield at_least("experts that the gradient of the consistency reaches", reached, 2)
    task.model.eval()
    yield at_most("losses beside the cross-entropy outside training", len(run_model(task, points).losses), 0)


def uniform() -> Iterator[Check]:
    """Draws are even: no expert deviates from its share by more than five standard deviations."""
    ours = _layer(draw_eval="token").eval()
    x_BSD = torch.zeros(1, 40_000, D, dtype=torch.float64)
    torch.manual_seed(1)
    load_E = ours(x_BSD)[1].routing.load_E.double()
    deviation = math.sqrt(40_000 * (1 / E) * (1 - 1 / E))
    worst = (load_E - 40_000 / E).abs().max() / deviation
    yield at_most("an expert's load deviates from an even share by", worst, 5, "standard deviations")


def clusters(entry: Entry) -> Iterator[Check]:
    """Chance neither finds the clusters nor beats a dense layer; the consistency makes experts agree."""
    trained = {
        name: _task(entry, steps=100, consistency_coefficient=a) for name, a in (("with", 1.0), ("without", 0.0))
    }
    torch.manual_seed(0)
    trained["dense"] = dense_baseline(entry, trained["with"].config)
    right, apart, share_LE = {}, {}, torch.zeros(0)
    for name, task in trained.items():
        optimiser, generator = make_optimiser(task.model, task.config), torch.Generator().manual_seed(0)
        for step in range(task.config.optimiser.steps):
            train_step(task, optimiser, generator, Progress(step, task.config.optimiser.steps))
        task.model.eval()
        points = task.source.draw(256, 16, torch.Generator().manual_seed(9))
        with torch.no_grad():
            first, second = task.forward(points), task.forward(points)
        right[name] = task.score(points, first.output)[1]["accuracy"]
        apart[name] = float(disagreement(first.output, second.output))
        if name == "with":
            share_LE = _by_cluster(first.infos["layer 0"].routing.share_TE(), points.cluster_BS.flatten(), 8)
    yield at_most(
        "accuracy on the clusters above a dense layer's (none to be had)", right["with"] - right["dense"], 0.02
    )
    information = relative_information(share_LE)
    yield at_most("mutual information of expert and cluster, of the most possible (none to be had)", information, 0.02)
    yield at_most(
        "disagreement of two passes, as a part of what it is without the consistency",
        apart["with"] / apart["without"],
        0.8,
    )


def _by_cluster(share_TE: Tensor, cluster_T: Tensor, n_clusters: int) -> Tensor:
    share_LE = share_TE.new_zeros(n_clusters, share_TE.shape[1])
    return share_LE.index_add_(0, cluster_T, share_TE)
