"""DynMoE: outputs in both modes, losses, gradients and the coming and going of experts against float64 loops."""

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from reference_impls.core.routing import Progress
from reference_impls.designs.dynmoe_top_any.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most, worst_of
from reference_impls.verify.libraries import drawn
from reference_impls.verify.naive import beside_loop, expert_output, mixed_output, tokens

D, F, E, ALIVE, T, SCALE = 12, 10, 7, 5, 40, 3.0
_tokens = partial(tokens, T, D, seed=1)


def checks(entry: Entry) -> Iterator[Check]:
    """Both modes, losses, gradients, adaptation."""
    for training in (True, False):
        yield from equations(training)
    yield from gradients()
    yield from adaptation()


def _layer(**fields: Any) -> Any:
    fields = {"initial_experts": ALIVE, "initial_scale": SCALE} | fields
    layer = drawn(make_layer, d_model=D, d_expert=F, n_experts=E, **fields)
    with torch.no_grad():
        layer.router.threshold_E.copy_(torch.linspace(0.05, 0.35, E, dtype=torch.float64))
    return layer


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def _margins(layer: Any, x_D: torch.Tensor) -> tuple[list[float], list[float]]:
    """Cosines and margins of the experts in use, by hand; -inf elsewhere."""
    scale = math.exp(layer.router.log_scale.item())
    cosines, margins = [-math.inf] * E, [-math.inf] * E
    for i in range(E):
        if layer.router.alive_E[i]:
            w_D = layer.router.weight_ED.detach()[i]
            cosines[i] = float(w_D @ x_D) / math.sqrt(float(w_D @ w_D) * float(x_D @ x_D))
            margins[i] = _sigmoid(scale * cosines[i]) - _sigmoid(scale * layer.router.threshold_E[i].item())
    return cosines, margins


def equations(training: bool) -> Iterator[Check]:
    """Outputs and losses by a plain loop over tokens and experts."""
    layer, x_TD = _layer().train(training), _tokens()
    rows, used, idle = [], [], 0
    for x_D in x_TD:
        cosines, margins = _margins(layer, x_D)
        chosen = [i for i in range(E) if margins[i] > 0]
        idle += not chosen
        if not chosen and not training:
            chosen = [max(range(E), key=lambda i: cosines[i])]
        rows.append(mixed_output(layer.experts, [1 / len(chosen) if i in chosen else 0.0 for i in range(E)], x_D))
        used.append(chosen)
    choices = sum(len(chosen) for chosen in used)
    load = [sum(i in chosen for chosen in used) / choices for i in range(E)]
    share = [sum(1 / len(chosen) for chosen in used if i in chosen) / T for i in range(E)]
    embeddings = [
        w_D for w_D, alive in zip(layer.router.weight_ED.detach(), layer.router.alive_E, strict=True) if alive
    ]
    separate = 0.0
    for i, v_D in enumerate(embeddings):
        for j, w_D in enumerate(embeddings):
            cosine = float(v_D @ w_D) / math.sqrt(float(v_D @ v_D) * float(w_D @ w_D))
            separate += (cosine - (i == j)) ** 2
    short = sum(math.sqrt(float(w_D @ w_D)) for w_D in embeddings) / len(embeddings)
    expected = {
        "gating": math.sqrt(separate) + short,
        "efficiency": choices / (T * E),
        "load_balance": E * sum(f * p for f, p in zip(load, share, strict=True)),
    }
    y_BTD, info = layer(x_TD[None])
    where = f"equations in {'training' if training else 'evaluation'}"
    yield at_least("tokens that pass no threshold", idle, 1)
    yield from beside_loop(where, (y_BTD, info), torch.stack(rows), losses=expected)
    yield at_most(
        f"{where}: difference of experts_per_token", abs(info.stats["experts_per_token"] - choices / T), 1e-12
    )


def gradients() -> Iterator[Check]:
    """Thresholds get, of each token and expert used, the slope of the margin times what the expert is worth."""
    layer, x_TD = _layer().train(), _tokens()
    direction_TD = _tokens(seed=2)
    y_BTD, _ = layer(x_TD[None])
    (y_BTD[0] * direction_TD).sum().backward()
    scale = math.exp(layer.router.log_scale.item())
    expected = [0.0] * E
    for x_D, direction_D in zip(x_TD, direction_TD, strict=True):
        _, margins = _margins(layer, x_D)
        chosen = [i for i in range(E) if margins[i] > 0]
        for i in chosen:
            gate = _sigmoid(scale * layer.router.threshold_E[i].item())
            worth = float(expert_output(layer.experts, i, x_D) @ direction_D) / len(chosen)
            expected[i] -= worth * scale * gate * (1 - gate)
    yield apart(
        "gradient of the thresholds, by a float64 loop: largest difference",
        layer.router.threshold_E.grad,
        torch.tensor(expected, dtype=torch.float64),
    )


def adaptation() -> Iterator[Check]:
    """Which experts are in use after each step, and what is added, by a plain loop over a sequence of batches."""
    layer = _layer(adapt_every=2, adapt_until=1.0).train()
    with torch.no_grad():
        layer.router.threshold_E[2] = 5.0  # passed by no token: to be removed
    alive = [i < ALIVE for i in range(E)]
    used, lost_D, wrong, worst, changes = [False] * E, torch.zeros(D, dtype=torch.float64), 0, 0.0, 0
    for step in range(1, 9):
        x_TD = _tokens(seed=10 + step)
        for x_D in x_TD:
            _, margins = _margins(layer, x_D)
            chosen = [i for i in range(E) if margins[i] > 0]
            used = [old or i in chosen for i, old in enumerate(used)]
            if not chosen:
                lost_D = lost_D + x_D
        layer.on_step(layer(x_TD[None])[1], Progress(step, 8))
        if step % 2 == 0:
            before = list(alive)
            alive = [was and hit for was, hit in zip(alive, used, strict=True)]
            length = math.sqrt(float(lost_D @ lost_D))
            if length > 0 and not all(alive):
                new = alive.index(False)
                alive[new] = True
                worst = worst_of(worst, float((layer.router.weight_ED.detach()[new] - lost_D / length).abs().max()))
                worst = worst_of(worst, abs(float(layer.router.threshold_E.detach()[new])))
            changes += alive != before
            used, lost_D = [False] * E, torch.zeros(D, dtype=torch.float64)
        wrong += alive != layer.router.alive_E.tolist()
    yield at_least("adaptations that changed something", changes, 1)
    yield at_most("steps after which other experts are in use than by the loop", wrong, 0)
    yield at_most("embeddings and thresholds of added experts differ from the loop's by", worst, 1e-12)
