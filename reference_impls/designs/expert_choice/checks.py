"""Expert choice against a float64 loop, its even load, and what permutations do."""

import math
from collections.abc import Iterator
from functools import partial
from itertools import chain

import torch
from torch import Tensor

from reference_impls.designs.expert_choice.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_most
from reference_impls.verify.libraries import drawn
from reference_impls.verify.naive import Assignments, against_naive, tensor_softmax, tokens

D, F, E = 12, 10, 5
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E, routing_group="sequence")


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs and gradients, load, permutation."""
    yield from chain(equations(), even_load(), permutation())


def equations() -> Iterator[Check]:
    """Expert by expert, sort the tokens of each group and take the first C; real sequences of length 7 and 4."""
    real_BS = torch.arange(7) < torch.tensor([[7], [4]])
    for factor, group in ((1.0, "sequence"), (2.0, "sequence"), (2.0, "batch")):
        layer = _layer(capacity_factor=factor, routing_group=group)
        weight_ED = layer.router.get_parameter("weight_ED")

        def assign(
            x_TD: Tensor, weight_ED: Tensor = weight_ED, factor: float = factor, group: str = group
        ) -> Assignments:
            groups = [range(7), range(7, 11)] if group == "sequence" else [[*range(7), *range(7, 11)]]
            score = {t: tensor_softmax(weight_ED @ x_TD[t]) for t in (*range(7), *range(7, 11))}
            for members in groups:
                for expert in range(E):
                    best = sorted(members, key=lambda t: float(score[t][expert].detach()), reverse=True)
                    for t in best[: math.ceil(factor * len(best) / E)]:
                        yield t, expert, score[t][expert]

        yield from against_naive(
            f"a float64 loop, factor {factor:g}, groups by {group}", layer, tokens(2, 7, D), assign,
            lambda x, layer=layer: layer(x, real_BS)[0],  # type: ignore[misc]
        )  # fmt: skip


def even_load() -> Iterator[Check]:
    """Every expert takes ceil(c T / N) tokens of every group, at most all."""
    worst = 0
    for factor in (0.5, 1.0, 2.0, 5.0, 9.0):
        for length in (1, 3, 10):
            routing = _layer(capacity_factor=factor)(tokens(3, length, D, seed=length))[1].routing
            taken = torch.zeros(3, E).index_put_(
                (routing.token_A // length, routing.expert_A), torch.tensor(1.0), accumulate=True
            )
            worst = max(worst, int((taken - min(math.ceil(factor * length / E), length)).abs().max()))
    yield at_most("tokens of an expert in a group away from the capacity", worst, 0)


def permutation() -> Iterator[Check]:
    """The order of the tokens in a group does not matter."""
    layer, x_BSD, order_S = _layer(capacity_factor=2.0), tokens(2, 9, D), torch.randperm(9)
    with torch.no_grad():
        change = layer(x_BSD)[0][:, order_S] - layer(x_BSD[:, order_S])[0]
    yield at_most("permuting tokens changes the permuted outputs by", change.abs().max(), 1e-12)
