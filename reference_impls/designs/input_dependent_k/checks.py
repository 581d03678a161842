"""Input-dependent k against Mixtral of transformers where k is the same for all, and the equations in float64."""

import math
from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Literal

import torch

from reference_impls.designs.input_dependent_k.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_least
from reference_impls.verify.libraries import beside_block, drawn, mixtral_block
from reference_impls.verify.naive import beside_loop, dot_products, largest, mixed_output, softmax, tokens

D, F, E, MOST, T = 16, 12, 8, 3, 40
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E, most_experts=MOST)


def checks(entry: Entry) -> Iterator[Check]:
    """Mixtral where every token takes as many, then both measures by hand."""
    yield from chain(transformers_block(), equations("entropy", 1.7), equations("norm", 2.1))


def transformers_block() -> Iterator[Check]:
    """Outputs and gradients where the scale gives every token all it may take."""
    layer, block = _layer(complexity="norm", scale=100.0, dtype=torch.float32), mixtral_block(D, F, E, MOST)
    case = ", every token with as many experts"
    yield from beside_block(case, layer, block, (2, 10, D), MOST, layer.router.logits)


def equations(complexity: Literal["entropy", "norm"], scale: float) -> Iterator[Check]:
    """Outputs, numbers of experts and loss by a plain loop over tokens and experts."""
    layer = _layer(complexity=complexity, scale=scale)
    x_TD = tokens(T, D, seed=1)
    rows, mean, count, numbers = [], [0.0] * E, [0] * E, set()
    for x_D in x_TD:
        p = softmax(dot_products(layer.router.weight_ED, x_D))
        if complexity == "norm":
            measure = math.sqrt(sum(float(value) ** 2 for value in x_D) / D)
        else:
            measure = -sum(p_i * math.log(p_i) for p_i in p)
        k = max(1, min(MOST, math.floor(scale * measure)))
        numbers.add(k)
        best = largest(p, k)
        weights = [p[i] / sum(p[j] for j in best) if i in best else 0.0 for i in range(E)]
        rows.append(mixed_output(layer.experts, weights, x_D))
        mean = [m + p_i / T for m, p_i in zip(mean, p, strict=True)]
        count = [c + (i in best) for i, c in enumerate(count)]
    expected = E * sum(c / sum(count) * m for c, m in zip(count, mean, strict=True))
    where = f"equations, complexity by {complexity}"
    yield at_least(f"{where}: different numbers of experts", len(numbers), 2)
    yield from beside_loop(
        where,
        layer(x_TD[None]),
        torch.stack(rows),
        losses={"load_balance": expected},
        stats={"experts_per_token": sum(count) / T},
    )
