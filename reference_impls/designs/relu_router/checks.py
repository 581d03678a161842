"""ReMoE: outputs and loss against float64 loops, the loss against that of fixed k, no jump where experts vanish."""

from collections.abc import Iterator
from functools import partial
from itertools import chain

import torch
from torch import Tensor

from reference_impls.core.losses import load_balancing_loss, masked_balance_loss
from reference_impls.designs.relu_router.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_least, at_most, close, worst_of
from reference_impls.verify.libraries import drawn
from reference_impls.verify.naive import beside_loop, mixed_output, slope_error, tokens

D, F, E, K, T = 12, 10, 6, 2, 30
_tokens = partial(tokens, 1, T, D)
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E, experts_per_token=K)


def checks(entry: Entry) -> Iterator[Check]:
    """Equations, the loss of fixed k, continuity, gradients."""
    for balance in (True, False):
        yield from equations(balance)
    yield from chain(fixed_k(), continuity(), gradient())


def equations(balance: bool) -> Iterator[Check]:
    """Outputs, loss and sparsity by a plain loop over tokens and experts."""
    layer, x_BTD = _layer(balance=balance), _tokens()
    rows, mean, count = [], [0.0] * E, [0] * E
    for x_D in x_BTD[0]:
        weights = [max(0.0, float(w_D @ x_D)) for w_D in layer.router.weight_ED.detach()]
        rows.append(mixed_output(layer.experts, weights, x_D))
        mean = [m + w / T for m, w in zip(mean, weights, strict=True)]
        count = [c + (w > 0) for c, w in zip(count, weights, strict=True)]
    load = [c / T if balance else 1.0 for c in count]
    expected = E / K * sum(f * m for f, m in zip(load, mean, strict=True))
    where = f"equations, {'with' if balance else 'without'} balance"
    yield from beside_loop(where, layer(x_BTD), torch.stack(rows), losses={"sparsity": expected})
    yield at_most(
        f"{where}: difference of the sparsity", abs(layer.router.sparsity - (1 - sum(count) / (T * E))), 1e-12
    )


def fixed_k() -> Iterator[Check]:
    """Where every token has K positive weights the loss is that of fixed k, of the weights as scores."""
    weight_TE = torch.rand(T, E, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    choice_TK = weight_TE.topk(K).indices
    weight_TE = torch.zeros_like(weight_TE).scatter(1, choice_TK, weight_TE.gather(1, choice_TK))
    ours = masked_balance_loss(weight_TE, weight_TE > 0, K * T)
    theirs = load_balancing_loss(weight_TE, choice_TK, "per-assignment")
    yield close("loss beside that of fixed k", ours, theirs, rtol=1e-12, atol=1e-14)


def continuity() -> Iterator[Check]:
    """Along a line on which experts come and go, the output moves no more than in proportion to the step."""
    layer = _layer()
    start_D, end_D = _tokens()[0, :2]
    place_N = torch.linspace(0, 1, 2001, dtype=torch.float64)
    with torch.no_grad():
        line_ND = torch.lerp(start_D, end_D, place_N[:, None])
        y_BND, info = layer(line_ND[None])
        kept_NE = info.routing.share_TE() > 0
        crossings = (kept_NE[1:] != kept_NE[:-1]).any(-1)
        step_N = y_BND[0].diff(dim=0).norm(dim=-1) / place_N.diff()
    yield at_least("borders of experts on the line", crossings.sum(), 1)
    ratio = step_N[crossings].max() / step_N[~crossings].max()
    yield at_most("fastest change across a border, to the fastest elsewhere", ratio, 1.5)


def gradient() -> Iterator[Check]:
    """The router's gradient is that of differences."""
    layer, x_BTD, direction = _layer(), _tokens(), tokens(1, T, D, seed=3)

    def value() -> Tensor:
        made: Tensor = (layer(x_BTD)[0] * direction).sum()
        return made

    weight_ED = layer.router.weight_ED
    (gradient_ED,) = torch.autograd.grad(value(), weight_ED)
    rows = [slope_error(value, weight_ED[e], gradient_ED[e], 1e-7) for e in range(E)]
    yield at_most("gradient of the router beside differences", worst_of(*rows), 1e-6)
