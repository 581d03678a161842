"""Top-p routing against transformers' top-p cut, the balancing loss of fixed k, and the equations in float64."""

import math
from collections.abc import Iterator
from itertools import chain
from typing import Any

import torch

from reference_impls.core.losses import load_balancing_loss, masked_balance_loss
from reference_impls.designs.top_p_router.config import TopPConfig
from reference_impls.designs.top_p_router.router import make_layer, top_p_mask
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most, close
from reference_impls.verify.libraries import decisive
from reference_impls.verify.naive import dot_products, mixed_output, softmax, tokens

D, F, E, T = 12, 10, 8, 40
THRESHOLDS = (0.1, 0.4, 0.9)


def checks(entry: Entry) -> Iterator[Check]:
    """Choice, balance, equations."""
    yield from chain(transformers_cut(), fixed_k(), equations())


def transformers_cut() -> Iterator[Check]:
    """The experts that `TopPLogitsWarper` leaves, and what the threshold promises."""
    from transformers import TopPLogitsWarper

    logit_TE = 2 * torch.randn(500, E, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    probability_TE = logit_TE.softmax(-1)
    for threshold in THRESHOLDS:
        kept_TE = top_p_mask(probability_TE, threshold)
        cut_TE = TopPLogitsWarper(top_p=threshold)(torch.zeros(0, dtype=torch.int64), logit_TE.clone())
        different = (kept_TE != cut_TE.isfinite()).any(-1).sum()
        yield at_most(f"tokens whose experts differ from transformers' TopPLogitsWarper, P = {threshold}", different, 0)
        sum_T = (probability_TE * kept_TE).sum(-1)
        least_T = probability_TE.masked_fill(~kept_TE, torch.inf).amin(-1)
        yield at_least(f"kept probability of a token, P = {threshold}", sum_T.min(), threshold)
        yield at_most(f"kept probability without the last expert, P = {threshold}", (sum_T - least_T).max(), threshold)
        bound = math.floor(threshold * E) + 1
        yield at_most(f"experts of a token, P = {threshold}", kept_TE.sum(-1).max(), bound)


def fixed_k() -> Iterator[Check]:
    """Where every token takes two experts the balancing loss is the one of fixed k."""
    logit_TE = torch.randn(T, E, generator=torch.Generator().manual_seed(1), dtype=torch.float64, requires_grad=True)
    probability_TE = logit_TE.softmax(-1)
    choice_TK = logit_TE.topk(2).indices
    kept_TE = torch.zeros(T, E, dtype=torch.bool).scatter(1, choice_TK, True)
    ours = masked_balance_loss(probability_TE, kept_TE, 2 * T)
    theirs = load_balancing_loss(probability_TE, choice_TK, "per-assignment")
    yield close("balancing loss beside that of fixed k", ours, theirs, rtol=1e-12, atol=1e-14)
    (mine,), (other,) = (torch.autograd.grad(loss, logit_TE, retain_graph=True) for loss in (ours, theirs))
    yield close("gradient of the balancing loss beside that of fixed k", mine, other, rtol=1e-12, atol=1e-14)


def equations() -> Iterator[Check]:
    """Outputs and losses by a plain loop over tokens and experts."""
    x_TD = tokens(T, D, seed=2)
    for threshold in THRESHOLDS:
        torch.manual_seed(0)
        config = TopPConfig(d_model=D, d_expert=F, n_experts=E, threshold=threshold)
        layer: Any = decisive(make_layer(config).double())
        rows, entropy = [], 0.0
        mean, count = [0.0] * E, [0] * E
        for x_D in x_TD:
            p = softmax(dot_products(layer.router.weight_ED, x_D))
            weights, passed = [0.0] * E, 0.0
            for i in sorted(range(E), key=lambda i: p[i], reverse=True):
                weights[i] = p[i]
                count[i] += 1
                passed += p[i]
                if passed > threshold:
                    break
            rows.append(mixed_output(layer.experts, weights, x_D))
            entropy -= sum(p_i * math.log(p_i) for p_i in p) / T
            mean = [m + p_i / T for m, p_i in zip(mean, p, strict=True)]
        balance = E * sum(c / sum(count) * m for c, m in zip(count, mean, strict=True))
        y_BTD, info = layer(x_TD[None])
        worst = (y_BTD[0] - torch.stack(rows)).abs().max()
        where = f"equations, P = {threshold}, by a float64 loop"
        yield at_most(f"{where}: outputs", worst, 1e-12)
        for name, expected in (("load_balance", balance), ("dynamic", entropy)):
            yield apart(f"{where}: difference of the loss {name}", info.losses[name].value, expected)
        yield at_most(
            f"{where}: difference of experts_per_token", abs(info.stats["experts_per_token"] - sum(count) / T), 1e-12
        )
