"""AdaMoE against its equations in float64, and against Mixtral's router where there are no null experts."""

from collections.abc import Iterator
from typing import Any

import torch

from reference_impls.designs.adamoe_null_experts.config import AdaMoEConfig
from reference_impls.designs.adamoe_null_experts.router import make_layer, null_expert_balance_loss
from reference_impls.designs.mixtral_top2_router import router as mixtral
from reference_impls.designs.mixtral_top2_router.config import MixtralTop2Config
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_least, at_most
from reference_impls.verify.libraries import decisive
from reference_impls.verify.naive import dot_products, expert_output, largest, softmax, tokens

D, F, N, M, K, S = 16, 12, 5, 4, 3, 40


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs and loss, the limit without null experts, what the loss sees."""
    yield from equations()
    yield from without_null_experts()
    yield from loss()


def _layer(null_experts: int) -> Any:
    torch.manual_seed(0)
    config = AdaMoEConfig(d_model=D, d_expert=F, n_experts=N, null_experts=null_experts, choices_per_token=K)
    return decisive(make_layer(config).double())


def equations() -> Iterator[Check]:
    """Outputs and loss by a plain loop over tokens and choices."""
    ours = _layer(M)
    x_TD = tokens(S, D, seed=5)
    expected = torch.zeros_like(x_TD)
    share, mean, numbers = [0.0] * (N + M), [0.0] * (N + M), set()
    for t, x in enumerate(x_TD):
        probability = softmax(dot_products(ours.router.weight_ED, x))
        mean = [m + p / S for m, p in zip(mean, probability, strict=True)]
        picked = largest(probability, K)
        true = [i for i in picked if i < N]
        numbers.add(len(true))
        for i in picked:
            share[i] += 1 / (K * S)
        for i in true:
            expected[t] += probability[i] / sum(probability[j] for j in true) * expert_output(ours.experts, i, x)
    y_BSD, info = ours(x_TD[None])
    worst = (y_BSD[0].detach() - expected).abs().max()
    yield at_most("equations, by a float64 loop: largest difference of the outputs", worst, 1e-12)
    yield at_least("different numbers of true experts among the loop's tokens", len(numbers), 3)
    charged = share[:N] + [sum(share[N:]) / M] * M
    value = (N + M) * sum(f * p for f, p in zip(charged, mean, strict=True))
    difference = abs(float(info.losses["load_balance"].value.detach()) - value)
    yield at_most("equations: difference of the balancing loss", difference, 1e-12)


def without_null_experts() -> Iterator[Check]:
    """Mixtral's layer with the same weights."""
    ours = _layer(0)
    config = MixtralTop2Config(d_model=D, d_expert=F, n_experts=N, experts_per_token=K)
    theirs = mixtral.make_layer(config).double()
    theirs.load_state_dict(ours.state_dict())
    x_BSD = tokens(2, S, D, seed=6)
    change = (ours(x_BSD)[0] - theirs(x_BSD)[0]).abs().max()
    yield at_most("without null experts, difference from Mixtral's outputs", change, 1e-12)


def loss() -> Iterator[Check]:
    """Which null expert is chosen makes no difference; perfect balance gives 1."""
    generator = torch.Generator().manual_seed(7)
    probability_TX = torch.randn(S, N + M, dtype=torch.float64, generator=generator).softmax(-1)
    expert_TK = torch.randn(S, N + M, generator=generator).topk(K, dim=-1).indices
    other_TK = torch.where(expert_TK >= N, N, expert_TK)
    change = null_expert_balance_loss(probability_TX, expert_TK, N) - null_expert_balance_loss(
        probability_TX, other_TK, N
    )
    yield at_most("change of the loss when one null expert takes the load of all", change.abs(), 1e-12)
    even_TX = torch.full((N + M, N + M), 1 / (N + M), dtype=torch.float64)
    even = null_expert_balance_loss(even_TX, torch.arange(N + M)[:, None], N)
    yield at_most("loss under perfect balance, apart from 1", (even - 1).abs(), 1e-12)
