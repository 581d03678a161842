"""The dense mixture: the likelihood against torch.distributions, the layer and the posteriors against equations."""

import math
from collections.abc import Iterator
from itertools import chain

import torch

from reference_impls.designs.dense_softmax_mixture.competition import mixture_log_probability
from reference_impls.designs.dense_softmax_mixture.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_most, close, worst_of
from reference_impls.verify.libraries import drawn
from reference_impls.verify.naive import mixed_output, tokens

D, F, E, T, C = 12, 10, 5, 17, 4


def checks(entry: Entry) -> Iterator[Check]:
    """Likelihood, posteriors, layer."""
    yield from chain(likelihood(), posteriors(), equations())


def likelihood() -> Iterator[Check]:
    """The mixture's log-probabilities and their gradients beside `MixtureSameFamily`."""
    from torch.distributions import Categorical, MixtureSameFamily

    generator = torch.Generator().manual_seed(0)
    gate_TE = torch.randn(T, E, generator=generator, requires_grad=True)
    logit_TEC = torch.randn(T, E, C, generator=generator, requires_grad=True)
    label_T = torch.randint(C, (T,), generator=generator)
    ours = mixture_log_probability(gate_TE.log_softmax(-1), logit_TEC).gather(1, label_T[:, None]).sum()
    theirs = MixtureSameFamily(Categorical(logits=gate_TE), Categorical(logits=logit_TEC)).log_prob(label_T).sum()
    yield close("log-likelihood beside torch.distributions", ours, theirs)
    leaves = (gate_TE, logit_TEC)
    gradients = zip(torch.autograd.grad(ours, leaves), torch.autograd.grad(theirs, leaves), strict=True)
    for name, (mine, other) in zip(("the gate", "the experts"), gradients, strict=True):
        yield close(f"gradient of {name} beside torch.distributions", mine, other)


def posteriors() -> Iterator[Check]:
    """What reaches an expert's logits is its posterior times the gradient of its own log-likelihood."""
    generator = torch.Generator().manual_seed(1)
    gate = torch.randn(E, generator=generator, dtype=torch.float64).softmax(0).tolist()
    logit_EC = torch.randn(E, C, generator=generator, dtype=torch.float64, requires_grad=True)
    label = 2
    log_gate = torch.tensor(gate, dtype=torch.float64).log()
    loss = -mixture_log_probability(log_gate[None], logit_EC[None])[0, label]
    (gradient_EC,) = torch.autograd.grad(loss, logit_EC)
    alone = []
    for row in logit_EC.detach().tolist():
        total = sum(math.exp(value) for value in row)
        alone.append([math.exp(value) / total for value in row])
    evidence = sum(g * p[label] for g, p in zip(gate, alone, strict=True))
    worst = 0.0
    for i in range(E):
        posterior = gate[i] * alone[i][label] / evidence
        for c in range(C):
            expected = posterior * (alone[i][c] - (c == label))
            worst = worst_of(worst, abs(float(gradient_EC[i, c]) - expected))
    yield at_most("posteriors, by a float64 loop: largest difference of the experts' gradients", worst, 1e-12)


def equations() -> Iterator[Check]:
    """Outputs by a plain loop over tokens and experts; weights add up to one."""
    layer = drawn(make_layer, d_model=D, d_expert=F, n_experts=E)
    x_TD = tokens(T, D, seed=2)
    rows = []
    for x_D in x_TD:
        score = [math.exp(float(w_D @ x_D)) for w_D in layer.router.weight_ED.detach()]
        rows.append(mixed_output(layer.experts, [value / sum(score) for value in score], x_D))
    y_BTD, info = layer(x_TD[None])
    yield apart("equations, by a float64 loop: outputs", y_BTD[0], torch.stack(rows))
    sum_T = info.routing.share_TE().sum(-1)
    yield apart("weights of a token differ from 1 in sum by", sum_T, 1)
