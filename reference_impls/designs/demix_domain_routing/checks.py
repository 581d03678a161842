"""DEMix: the layer in float64, and the mixture of domains against Bayes' rule step by step."""

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from reference_impls.config import check_config
from reference_impls.designs.demix_domain_routing.router import run_model
from reference_impls.entry import Entry
from reference_impls.tasks.clusters import ClustersTask, Points
from reference_impls.verify.check import Check, apart, at_least, at_most
from reference_impls.verify.naive import expert_output

D, E, B, S = 16, 3, 4, 10


def checks(entry: Entry) -> Iterator[Check]:
    """The layer, the four ways of inference, and what Bayes' rule promises."""
    yield from layer(entry)
    for inference in ("history", "last", "average", "known"):
        yield from mixture(entry, inference)
    yield from chain(bounds(entry), no_future(entry), equal_experts(entry))


def _task(entry: Entry, **fields: Any) -> tuple[ClustersTask, Points]:
    """A model in float64, outside training, and sequences; the experts differ much."""
    torch.manual_seed(0)
    values = {
        "task": "clusters",
        "d_model": D,
        "d_expert": 12,
        "n_experts": E,
        "n_clusters": 5,
        "batch_size": B,
        "sequence_length": S,
    }
    task = ClustersTask(entry, check_config(entry.config_class, values | fields))
    task.model.double().eval()
    with torch.no_grad():
        task.model.head.weight.mul_(8)  # type: ignore[union-attr, operator]
    points = task.training_batch(torch.Generator().manual_seed(1))
    return task, replace(points, x_BSD=points.x_BSD.double())


def layer(entry: Entry) -> Iterator[Check]:
    """The layer's outputs by a plain loop over sequences and tokens."""
    task, points = _task(entry)
    moe: Any = task.model.layer
    domain_B = torch.tensor([4, 0, 2, 1])
    expected = torch.zeros_like(points.x_BSD)
    for b, d in enumerate((1, 0, 2, 1)):
        for s in range(S):
            expected[b, s] = expert_output(moe.experts, d, points.x_BSD[b, s])
    yield apart("the layer's equations, by a float64 loop: outputs", moe(points.x_BSD, domain=domain_B)[0], expected)


@torch.no_grad()
def _by_bayes(task: ClustersTask, points: Points, inference: str) -> tuple[Tensor, Tensor]:
    """Predictions [B, S, C] and weights [B, S, E], one step at a time, in probabilities."""
    p_EBSC = torch.stack([task.forward(points, domain=torch.full((B,), d)).output.softmax(-1) for d in range(E)])
    mixed, weights = torch.zeros_like(p_EBSC[0]), torch.zeros(B, S, E, dtype=torch.float64)
    for b in range(B):
        weight = [1 / E] * E
        for s in range(S):
            if inference == "known":
                known = int(points.cluster_BS[b, 0]) % E
                weight = [float(e == known) for e in range(E)]
            weights[b, s] = torch.tensor(weight, dtype=torch.float64)
            for e in range(E):
                mixed[b, s] += weight[e] * p_EBSC[e, b, s]
            told = [float(p_EBSC[e, b, s, points.label_BS[b, s]]) for e in range(E)]
            prior = weight if inference == "history" else [1 / E] * E
            if inference != "average":
                weight = [w * p for w, p in zip(prior, told, strict=True)]
                weight = [w / sum(weight) for w in weight]
    return mixed, weights


@torch.no_grad()
def mixture(entry: Entry, inference: str) -> Iterator[Check]:
    """Predictions, and the weights that the metrics are made of."""
    task, points = _task(entry, inference=inference)
    done = run_model(task, points)
    expected, weights = _by_bayes(task, points, inference)
    made = done.output.softmax(-1)
    yield at_most(
        f"inference {inference}, by Bayes' rule step by step: predictions differ by",
        (made - expected).abs().max(),
        1e-12,
    )
    if inference != "known":
        share = done.infos["layer 0"].routing.share_TE().view(B, S, E)
        yield apart(f"inference {inference}: weights differ by", share, weights)
        yield apart(
            f"inference {inference}: the predictions of a position differ from one in all by",
            done.output.exp().sum(-1),
            1,
        )


@torch.no_grad()
def bounds(entry: Entry) -> Iterator[Check]:
    """Bayes' rule loses at most ln N to the best expert on any sequence, and finds the one that is right."""
    task, points = _task(entry)
    p_EBSC = torch.stack([task.forward(points, domain=torch.full((B,), d)).output.softmax(-1) for d in range(E)])

    def lost(p_BSC: Tensor, label_BS: Tensor) -> Tensor:
        return -p_BSC.gather(-1, label_BS[..., None]).log().sum((1, 2))

    single_EB = torch.stack([lost(p_BSC, points.label_BS) for p_BSC in p_EBSC])
    ours_B = lost(run_model(task, points).output.exp(), points.label_BS)
    worst = (ours_B - single_EB.min(0).values).max()
    yield at_most("nats lost on a sequence to its best expert (at most ln N)", worst, math.log(E) + 1e-12, "nats")

    generator = torch.Generator().manual_seed(2)
    drawn_BS = torch.multinomial(p_EBSC[1].flatten(0, 1), 1, generator=generator).view(B, S)
    told = replace(points, label_BS=drawn_BS)
    mixed, weights = _by_bayes(task, told, "history")
    assert torch.allclose(run_model(task, told).output.exp(), mixed)
    gained = lost(_by_bayes(task, told, "average")[0], drawn_BS) - lost(mixed, drawn_BS)
    yield at_least("labels drawn from one expert: nats a sequence that the history gains", gained.mean(), 0.5, "nats")
    yield at_least("labels drawn from one expert: its weight at the end", weights[:, -1, 1].mean(), 0.9)


@torch.no_grad()
def no_future(entry: Entry) -> Iterator[Check]:
    """Later points and labels change no earlier prediction."""
    task, points = _task(entry)
    cut = S // 2
    label_BS, x_BSD = points.label_BS.clone(), points.x_BSD.clone()
    label_BS[:, cut:] = (label_BS[:, cut:] + 1) % 8
    x_BSD[:, cut:] = torch.randn_like(x_BSD[:, cut:])
    before = run_model(task, points).output
    after = run_model(task, replace(points, label_BS=label_BS, x_BSD=x_BSD)).output
    yield at_most("later points change earlier predictions by", (before - after)[:, :cut].abs().max(), 1e-13)
    own = run_model(task, replace(points, label_BS=label_BS)).output
    yield at_most("a point's own label changes its prediction by", (before - own)[:, cut].abs().max(), 1e-13)


@torch.no_grad()
def equal_experts(entry: Entry) -> Iterator[Check]:
    """If all experts are one, so is the mixture."""
    task, points = _task(entry)
    for weight in task.model.layer.experts.parameters():  # type: ignore[union-attr]
        weight.copy_(weight[:1].expand_as(weight).clone())
    mixed = run_model(task, points).output
    single = task.forward(points).output.log_softmax(-1)
    yield apart("with equal experts the mixture differs from one of them by", mixed, single)
