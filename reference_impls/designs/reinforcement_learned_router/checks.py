"""The reinforced router: its estimator against the exact gradient, by enumeration, and its outputs by hand."""

from collections.abc import Iterator
from functools import partial
from itertools import chain, product
from typing import Any

import torch
from torch import Tensor

from reference_impls.designs.reinforcement_learned_router.router import make_layer, policy_loss, rewards
from reference_impls.entry import Entry
from reference_impls.tasks.clusters import PointSource
from reference_impls.verify.check import Check, apart, at_most, close
from reference_impls.verify.libraries import drawn
from reference_impls.verify.naive import Assignments, against_naive, tokens

D, F, E = 8, 6, 3
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E)


def checks(entry: Entry) -> Iterator[Check]:
    """Estimator, rewards, outputs, draws."""
    yield from chain(estimator(), standardised(), rewarded(), outputs(), draws())


def estimator() -> Iterator[Check]:
    """For one token: the mean over actions of the policy's loss has the gradient of the expected reward.

    Standardising makes a token's advantage depend on its own reward, which bends the mean. Here two more tokens without
    a gradient have rewards such that those of the three have mean 0 and variance 1 whatever the action: standardising
    then changes nothing, and the loss is the plain estimator, divided by three tokens.
    """
    logits = tokens(E, seed=3).requires_grad_()
    reward_E = tokens(E, seed=4).tanh()
    for baseline in (0.0, 0.4):
        worth_E = reward_E - baseline  # below the square root of 2, so that there are two such rewards
        (exact,) = torch.autograd.grad((logits.softmax(-1) * reward_E).sum(), logits)
        expected = torch.zeros(E, dtype=torch.float64)
        for action, worth in enumerate(worth_E.tolist()):
            root = (6 - 3 * worth**2) ** 0.5
            reward_3 = torch.tensor([worth, (root - worth) / 2, (-root - worth) / 2], dtype=torch.float64)
            log_3 = torch.cat([logits.log_softmax(-1)[action : action + 1], torch.zeros(2, dtype=torch.float64)])
            (step,) = torch.autograd.grad(policy_loss(log_3, reward_3), logits)
            expected -= 3 * logits.softmax(-1)[action].detach() * step
        name = f"expected step of the policy's loss, baseline {baseline:g}, and the exact gradient"
        yield close(name, expected, exact, rtol=1e-11, atol=1e-12)


def standardised() -> Iterator[Check]:
    """For a batch of four tokens, all 81 ways to act: the loss's mean gradient points where the reward grows."""
    logit_TE = tokens(4, E, seed=5).requires_grad_()
    reward_TE = tokens(4, E, seed=6)
    policy_TE = logit_TE.softmax(-1).detach()
    expected, by_hand = torch.zeros(4, E, dtype=torch.float64), torch.zeros(4, E, dtype=torch.float64)
    for actions in product(range(E), repeat=4):
        action_T = torch.tensor(actions)[:, None]
        chance = policy_TE.gather(1, action_T).prod()
        reward_T = reward_TE.gather(1, action_T)[:, 0]
        loss = policy_loss(logit_TE.log_softmax(-1).gather(1, action_T)[:, 0], reward_T)
        expected += chance * torch.autograd.grad(loss, logit_TE)[0]
        mean = sum(reward_T.tolist()) / 4
        deviation = (sum((r - mean) ** 2 for r in reward_T.tolist()) / 4) ** 0.5
        for t, action in enumerate(actions):
            advantage = (float(reward_T[t]) - mean) / deviation
            for i in range(E):
                score = (i == action) - float(policy_TE[t, i])
                by_hand[t, i] -= float(chance) * advantage * score / 4
    yield close(
        "expected gradient of the policy's loss, and the sum by hand", expected, by_hand, rtol=1e-11, atol=1e-13
    )
    (exact,) = torch.autograd.grad((logit_TE.softmax(-1) * reward_TE).sum(), logit_TE)
    cosine = torch.nn.functional.cosine_similarity(-expected.flatten(), exact.flatten(), dim=0)
    yield at_most("1 minus the cosine of the expected step and the exact gradient", 1 - cosine, 0.2)


def rewarded() -> Iterator[Check]:
    """The reward of a point is the log-probability of its label."""
    points = PointSource(2, 16, "token", 0).draw(2, 3, torch.Generator().manual_seed(0))
    output = tokens(2, 3, 8).requires_grad_()
    found = rewards(points, output)
    expected = [float(output[b, s].log_softmax(-1)[points.label_BS[b, s]].detach()) for b in range(2) for s in range(3)]
    yield close("rewards and log-probabilities of the labels", found, torch.tensor(expected).double(), rtol=1e-6)
    yield at_most("rewards that carry a gradient", float(found.requires_grad), 0)


def outputs() -> Iterator[Check]:
    """The drawn expert's output as it is, and no gradient to the router."""
    x_BSD = tokens(2, 6, D)
    for training in (True, False):
        layer = _layer().train(training)

        def call(x: Tensor, layer: Any = layer) -> Tensor:
            torch.manual_seed(5)
            y_BSD: Tensor = layer(x)[0]
            return y_BSD

        torch.manual_seed(5)
        drawn = layer(x_BSD)[1].routing.expert_A.tolist()
        if not training:
            logits = (x_BSD.flatten(0, 1) @ layer.router.weight_ED.detach().T).tolist()
            wrong = sum(row[e] != max(row) for row, e in zip(logits, drawn, strict=True))
            yield at_most("tokens that outside training get another than the most probable expert", wrong, 0)

        def assign(x_TD: Tensor, drawn: list[int] = drawn) -> Assignments:
            return ((t, expert, 1.0) for t, expert in enumerate(drawn))

        name = f"a float64 loop over the drawn experts, {'training' if training else 'outside training'}"
        yield from against_naive(name, layer, x_BSD, assign, call)


def draws() -> Iterator[Check]:
    """In training actions come as often as the policy says."""
    layer = _layer()
    x_D = tokens(D, seed=2)
    torch.manual_seed(0)
    drawn = layer(x_D.expand(1, 20_000, D))[1].routing.expert_A
    often = torch.bincount(drawn, minlength=E) / 20_000
    policy = (layer.router.weight_ED.detach() @ x_D).softmax(-1)
    yield apart("frequency of an action away from the policy", often, policy, 0.015)
