"""MixER's router: k-means against scikit-learn and a loop, the gate against numpy, outputs by hand."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reference_impls.core.kmeans import lloyd, nearest, spread_start
from reference_impls.designs.mixer_kmeans_router.config import MixerKmeansConfig
from reference_impls.designs.mixer_kmeans_router.router import fitted_gate, make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_most, close
from reference_impls.verify.naive import Assignments, against_naive, tokens

D, F, E = 6, 8, 4


def checks(entry: Entry) -> Iterator[Check]:
    """k-means, gate, outputs, clusters that are there."""
    yield from chain(kmeans(), steps_by_hand(), gate(), equations(), clear_clusters())


def _layer(**fields: Any) -> Any:
    torch.manual_seed(0)
    return make_layer(MixerKmeansConfig(d_model=D, d_expert=F, n_experts=E, **fields)).double()


def kmeans() -> Iterator[Check]:
    """scikit-learn's Lloyd from the same start, to the end."""
    from sklearn.cluster import KMeans

    for seed in range(3):
        x_TD = tokens(60, D, seed=seed)
        torch.manual_seed(seed)
        start_ED = spread_start(x_TD, E)
        theirs = KMeans(E, init=start_ED.numpy(), n_init=1, max_iter=300, tol=0, algorithm="lloyd").fit(x_TD.numpy())
        ours = lloyd(x_TD, start_ED, 300)
        yield close(f"scikit-learn's KMeans, start {seed}", ours, torch.from_numpy(theirs.cluster_centers_),
                    rtol=1e-10, atol=1e-10)  # fmt: skip


def steps_by_hand() -> Iterator[Check]:
    """Three steps by a plain loop; a centre far away keeps its place; no step makes the sum of squares larger."""
    x_TD = tokens(25, D, seed=7)
    start_ED = torch.cat([x_TD[:3], torch.full((1, D), 100.0, dtype=torch.float64)])
    centres, sums = [row.tolist() for row in start_ED], []
    for _ in range(3):
        members: list[list[list[float]]] = [[] for _ in centres]
        total = 0.0
        for x in x_TD.tolist():
            distances = [sum((a - b) ** 2 for a, b in zip(x, c, strict=True)) for c in centres]
            total += min(distances)
            members[distances.index(min(distances))].append(x)
        centres = [[sum(v) / len(m) for v in zip(*m, strict=True)] if m else c
                   for m, c in zip(members, centres, strict=True)]  # fmt: skip
        sums.append(total)
    ours = lloyd(x_TD, start_ED, 3)
    yield close("three steps of Lloyd by a loop", ours, torch.tensor(centres).double(), rtol=1e-6, atol=1e-6)
    yield apart("an empty cluster's centre moves by", ours[3], 100, 0)
    yield at_most("growth of the sum of squares by a step", max(np.diff(sums)), 0)


def gate() -> Iterator[Check]:
    """numpy's least squares, where the ridge is small and the problem has one solution."""
    x_TD = tokens(50, D, seed=2)
    label_T = torch.arange(50) % E
    design = np.concatenate([x_TD.numpy(), np.ones((50, 1))], axis=1)
    theirs = np.linalg.lstsq(design, np.eye(E)[label_T.numpy()], rcond=None)[0].T
    ours = fitted_gate(x_TD, label_T, E, 1e-6)
    yield close("numpy's linalg.lstsq", ours, torch.from_numpy(theirs), rtol=1e-8, atol=1e-10)
    values = (ours @ torch.from_numpy(design).T).sum(0)
    yield apart("gate values of a token away from a sum of 1", values, 1, 1e-9)


def equations() -> Iterator[Check]:
    """Outputs and gradients of a trained layer with both gates."""
    x_BSD = tokens(2, 20, D, seed=3)
    for kind in ("least-squares", "nearest"):
        layer = _layer(gate=kind)
        layer(x_BSD)
        prototypes, rows = layer.router.prototype_ED.tolist(), layer.router.gate_EC.tolist()

        def assign(
            x_TD: Tensor, kind: str = kind, prototypes: list[list[float]] = prototypes, rows: list[list[float]] = rows
        ) -> Assignments:
            for t, x in enumerate(x_TD.tolist()):
                far = [sum((a - b) ** 2 for a, b in zip(x, mu, strict=True)) for mu in prototypes]
                value = [sum(a * b for a, b in zip([*x, 1.0], row, strict=True)) for row in rows]
                yield t, far.index(min(far)) if kind == "nearest" else value.index(max(value)), 1.0

        yield from against_naive(f"a float64 loop, gate {kind}", layer.eval(), tokens(2, 9, D, seed=4), assign)


def clear_clusters() -> Iterator[Check]:
    """Four clusters far apart: each gets an expert of its own, from the first batch on."""
    centre_ED = 20 * torch.eye(E, D, dtype=torch.float64)
    x_BSD = (centre_ED[:, None] + tokens(E, 30, D, seed=5)).view(1, E * 30, D)
    for kind in ("least-squares", "nearest"):
        layer = _layer(gate=kind)
        expert_CN = layer(x_BSD)[1].routing.expert_A.view(E, 30)
        mixed = sum(len(set(row)) - 1 for row in expert_CN.tolist()) + E - len(set(expert_CN[:, 0].tolist()))
        yield at_most(f"clusters that share or split experts, gate {kind}", mixed, 0)
        prototype_ED = layer.router.prototype_ED
        centre = x_BSD.view(E, 30, D).mean(1)
        yield at_most(
            f"prototypes away from the clusters' means, gate {kind}",
            (prototype_ED[nearest(centre, prototype_ED)] - centre).abs().max(), 1e-9,
        )  # fmt: skip
