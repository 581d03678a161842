"""Input-dependent k against Mixtral of transformers where k is the same for all, and the equations in float64."""

import math
from collections.abc import Iterator
from typing import Any, Literal

import torch

from reference_impls.designs.input_dependent_k.config import InputDependentKConfig
from reference_impls.designs.input_dependent_k.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_least, at_most
from reference_impls.verify.libraries import against_library, block_of, clear_tokens, decisive, weight_map
from reference_impls.verify.naive import largest, mixed_output, tokens

D, F, E, MOST, T = 16, 12, 8, 3, 40


def checks(entry: Entry) -> Iterator[Check]:
    """Mixtral where every token takes as many, then both measures by hand."""
    yield from transformers_block()
    yield from equations("entropy", 1.7)
    yield from equations("norm", 2.1)


def _layer(complexity: Literal["entropy", "norm"], scale: float) -> Any:
    torch.manual_seed(0)
    config = InputDependentKConfig(
        d_model=D, d_expert=F, n_experts=E, most_experts=MOST, complexity=complexity, scale=scale
    )
    return decisive(make_layer(config).double())


def transformers_block() -> Iterator[Check]:
    """Outputs and gradients where the scale gives every token all it may take."""
    from transformers import MixtralConfig
    from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock

    config = MixtralConfig(hidden_size=D, intermediate_size=F, num_local_experts=E, num_experts_per_tok=MOST)
    block = block_of(MixtralSparseMoeBlock, config)
    ours = _layer("norm", 100.0).float()
    ours.load_transformers_block(block)
    x_BSD = clear_tokens(ours.router.logits, MOST, (2, 10, D), dtype=torch.float32)
    yield from against_library(
        "transformers' MixtralSparseMoeBlock, every token with as many experts",
        ours, block, x_BSD,
        weight_map(ours, block),
    )  # fmt: skip


def equations(complexity: Literal["entropy", "norm"], scale: float) -> Iterator[Check]:
    """Outputs, numbers of experts and loss by a plain loop over tokens and experts."""
    layer = _layer(complexity, scale)
    x_TD = tokens(T, D, seed=1)
    rows, mean, count, numbers = [], [0.0] * E, [0] * E, set()
    for x_D in x_TD:
        score = [math.exp(float(w_D @ x_D)) for w_D in layer.router.weight_ED.detach()]
        p = [value / sum(score) for value in score]
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
    y_BTD, info = layer(x_TD[None])
    where = f"equations, complexity by {complexity}, by a float64 loop"
    yield at_least(f"{where}: different numbers of experts", len(numbers), 2)
    worst = (y_BTD[0] - torch.stack(rows)).abs().max()
    yield at_most(f"{where}: largest difference of the outputs", worst, 1e-12)
    yield at_most(f"{where}: difference of the loss", abs(info.losses["load_balance"].value - expected), 1e-12)
    difference = abs(info.stats["experts_per_token"] - sum(count) / T)
    yield at_most(f"{where}: difference of experts_per_token", difference, 1e-12)
