"""AdaMoE against its equations in float64, and against Mixtral's router where there are no null experts."""

from collections.abc import Iterator
from functools import partial
from itertools import chain

import torch

from reference_impls.designs.adamoe_null_experts.router import make_layer, null_expert_balance_loss
from reference_impls.designs.mixtral_top2_router import router as mixtral
from reference_impls.designs.mixtral_top2_router.config import MixtralTop2Config
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most
from reference_impls.verify.libraries import drawn
from reference_impls.verify.naive import dot_products, expert_output, largest, softmax, tokens

D, F, N, M, K, S = 16, 12, 5, 4, 3, 40
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=N, choices_per_token=K)


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs and loss, the limit without null experts, what the loss sees."""
    yield from chain(equations(), without_null_experts(), loss())


def equations() -> Iterator[Check]:
    """Outputs and loss by a plain loop over tokens and choices."""
    ours = _layer(null_experts=M)
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
    yield apart("equations, by a float64 loop: outputs", y_BSD[0], expected)
    yield at_least("different numbers of true experts among the loop's tokens", len(numbers), 3)
    charged = share[:N] + [sum(share[N:]) / M] * M
    value = (N + M) * sum(f * p for f, p in zip(charged, mean, strict=True))
    yield apart("equations: difference of the balancing loss", info.losses["load_balance"].value, value)


def without_null_experts() -> Iterator[Check]:
    """Mixtral's layer with the same weights."""
    ours = _layer(null_experts=0)
    config = MixtralTop2Config(d_model=D, d_expert=F, n_experts=N, experts_per_token=K)
    theirs = mixtral.make_layer(config).double()
    theirs.load_state_dict(ours.state_dict())
    x_BSD = tokens(2, S, D, seed=6)
    yield apart("without null experts, difference from Mixtral's outputs", ours(x_BSD)[0], theirs(x_BSD)[0])


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
