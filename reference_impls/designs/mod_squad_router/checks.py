"""Mod-Squad against its equations in float64, its loss against scipy's entropies."""

import math
from collections.abc import Iterator
from functools import partial

import torch

from reference_impls.core.losses import label_information_loss
from reference_impls.designs.mod_squad_router.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_most, close
from reference_impls.verify.libraries import drawn
from reference_impls.verify.naive import dot_products, expert_output, largest, softmax, tokens

D, L, N, K, B, S = 16, 4, 5, 2, 4, 12
_tokens = partial(tokens, B, S, D, seed=5)
_layer = partial(drawn, make_layer, d_model=D, d_expert=12, n_experts=N, experts_per_token=K, n_tasks=L)


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs and loss, the loss beside scipy and at its ends, whom a gate learns from."""
    for training in (False, True):
        yield from equations(training)
    yield from information()
    yield from gates()


def equations(training: bool) -> Iterator[Check]:
    """Outputs and loss by a plain loop over tokens and experts."""
    ours, x_BSD, task_B = _layer().train(training), _tokens(), torch.tensor([2, 0, 2, 3])
    torch.manual_seed(1)
    noise_TE = torch.randn(B * S, N, dtype=torch.float64)
    torch.manual_seed(1)
    y_BSD, info = ours(x_BSD, domain=task_B)
    expected, joint = torch.zeros(B * S, D, dtype=torch.float64), [[0.0] * N for _ in range(L)]
    for t, x in enumerate(x_BSD.flatten(0, 1)):
        task = int(task_B[t // S])
        logits = dot_products(ours.router.weight_LED[task], x)
        if training:
            loudness = [math.log1p(math.exp(z)) + 0.01 for z in dot_products(ours.router.noise_LED[task], x)]
            logits = [z + float(e) * s for z, e, s in zip(logits, noise_TE[t], loudness, strict=True)]
        probability = softmax(logits)
        joint[task] = [j + p / (B * S) for j, p in zip(joint[task], probability, strict=True)]
        for i in largest(probability, K):
            expected[t] += probability[i] * expert_output(ours.experts, i, x)
    mode = "with noise" if training else "without noise"
    yield apart(f"equations {mode}, by a float64 loop: outputs", y_BSD.flatten(0, 1), expected)
    of_expert = [sum(row[i] for row in joint) for i in range(N)]
    value = -sum(p * math.log(p / sum(row) / of_expert[i]) for row in joint if sum(row) > 0 for i, p in enumerate(row))
    yield apart(f"equations {mode}: difference of the information loss", info.losses["task_information"].value, value)


def information() -> Iterator[Check]:
    """Beside scipy's entropies, and at its ends."""
    from scipy.stats import entropy

    generator = torch.Generator().manual_seed(6)
    probability_TE = torch.randn(40, N, dtype=torch.float64, generator=generator).softmax(-1)
    task_T = torch.randint(L, (40,), generator=generator)
    joint_LE = torch.stack([probability_TE[task_T == task].sum(0) for task in range(L)]).numpy() / 40
    theirs = entropy(joint_LE.ravel()) - entropy(joint_LE.sum(0)) - entropy(joint_LE.sum(1))
    ours = label_information_loss(probability_TE, task_T, L)
    yield close("scipy.stats.entropy", ours, torch.as_tensor(theirs, dtype=torch.float64), rtol=1e-12)
    own = label_information_loss(torch.eye(N, dtype=torch.float64), torch.arange(N), N)
    yield at_most("each task its expert: loss apart from -ln N", (own + math.log(N)).abs(), 1e-12)
    alike = label_information_loss(probability_TE[:1].expand(40, N), task_T, L)
    yield at_most("all tasks alike: loss", alike.abs(), 1e-12)


def gates() -> Iterator[Check]:
    """A task's gate gets no gradient of outputs for tokens of other tasks."""
    ours = _layer().train()
    y_BSD, _ = ours(_tokens(), domain=torch.tensor([2, 0, 2, 0]))
    y_BSD.square().sum().backward()
    for name in ("weight_LED", "noise_LED"):
        gradient_L = getattr(ours.router, name).grad.abs().sum((1, 2))
        yield at_most(f"gradient of {name} for tasks without tokens", gradient_L[[1, 3]].max(), 0)
        yield at_most(f"{name} of tasks with tokens and no gradient", (gradient_L[[0, 2]] == 0).sum(), 0)
