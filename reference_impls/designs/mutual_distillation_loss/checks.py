"""MoDE: Mixtral's routing, the loss over all pairs of experts, and experts that no token is sent to."""

from collections.abc import Iterator
from functools import partial
from itertools import chain
from math import exp, log

import torch
from torch.nn import functional

from reference_impls.designs.mutual_distillation_loss.router import (
    all_outputs,
    kl_divergence,
    make_layer,
    squared_difference,
)
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most, close
from reference_impls.verify.libraries import beside_block, drawn, mixtral_block
from reference_impls.verify.naive import expert_output

D, F, E, S = 32, 24, 5, 12
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E, distilled_fraction=1.0)


def checks(entry: Entry) -> Iterator[Check]:
    """Routing, loss, reach."""
    yield from chain(transformers_block(), pairs_of_torch(), loop(), idle_experts(), descent())


def _tokens(dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(1, S, D, dtype=dtype, generator=torch.Generator().manual_seed(5))


def transformers_block() -> Iterator[Check]:
    """Outputs and gradients are those of Mixtral's block of transformers."""
    yield from beside_block("", _layer(dtype=torch.float32), mixtral_block(D, F, E, 2), (1, S, D), 2)


def pairs_of_torch() -> Iterator[Check]:
    """The closed form of the double sum, with its gradient, is the sum over all pairs of torch's divergence."""
    output_ETD = torch.randn(E, S, D, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    log_ETD = output_ETD.log_softmax(-1)
    # torch's kl_div(input, target) is KL(target || input).
    separate = [(i, j) for i in range(E) for j in range(E) if i != j]
    kl = [functional.kl_div(log_ETD[j], log_ETD[i], log_target=True, reduction="none").sum(-1) for i, j in separate]
    squared = [(output_ETD[i] - output_ETD[j]).square().mean(-1) for i, j in separate]
    for name, ours, theirs in (("kl", kl_divergence, kl), ("squared", squared_difference, squared)):
        values = [ours(output_ETD), torch.stack(theirs).mean(0)]
        yield close(f"{name} of all pairs, by torch", values[0], values[1], rtol=1e-11, atol=1e-12)
        gradients = [torch.autograd.grad(value.sum(), output_ETD, retain_graph=True)[0] for value in values]
        yield close(f"gradient of {name} of all pairs, by torch", *gradients, rtol=1e-10, atol=1e-12)


def loop() -> Iterator[Check]:
    """The loss that a layer reports, from tokens on, by a plain loop over tokens, experts and coordinates."""
    ours = _layer()
    x_TD = _tokens()[0]
    expected = 0.0
    for x in x_TD:
        logs = []
        for i in range(E):
            made = expert_output(ours.experts, i, x).tolist()
            total = log(sum(exp(value) for value in made))
            logs.append([value - total for value in made])
        for i in range(E):
            for j in range(E):
                expected += sum(exp(a) * (a - b) for a, b in zip(logs[i], logs[j], strict=True)) / (E * (E - 1) * S)
    reported = ours.train()(x_TD[None])[1].losses["distillation"].value
    yield apart("the loss differs from a float64 loop by", reported, expected)


def idle_experts() -> Iterator[Check]:
    """An expert that the router sends nothing to learns from the others; without distillation it does not."""
    ours = _layer(balance_coefficient=0.0)
    x_BSD = _tokens()
    with torch.no_grad():
        ours.router.weight_ED.zero_()
        ours.router.weight_ED[0], ours.router.weight_ED[1] = x_BSD[0].mean(0), x_BSD[0].mean(0)
        x_BSD = x_BSD + 3 * x_BSD.mean(1, keepdim=True)
    y_BSD, info = ours.train()(x_BSD)
    yield at_most("tokens sent to the last expert", info.routing.load_E[-1], 0)
    (without,) = torch.autograd.grad(y_BSD.sum(), ours.experts.w_in_EID, retain_graph=True)
    (with_it,) = torch.autograd.grad(info.losses["distillation"].value, ours.experts.w_in_EID)
    yield at_most("its gradient without distillation", without[-1].abs().max(), 0)
    yield at_least("its gradient with distillation", with_it[-1].abs().max(), 1e-6)


def descent() -> Iterator[Check]:
    """Experts that are one have no loss; the loss alone draws experts together."""
    bank = _layer().experts
    x_TD = _tokens()[0]
    optimiser = torch.optim.Adam(bank.parameters(), lr=1e-2)
    values = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = kl_divergence(all_outputs(x_TD, bank)).mean()
        loss.backward()
        optimiser.step()
        values.append(float(loss.detach()))
    yield at_least("60 steps of descent divide the loss by", values[0] / values[-1], 10)
    with torch.no_grad():
        for weight in bank.parameters():
            weight.copy_(weight[:1].expand_as(weight))
    for name, divergence in (("kl", kl_divergence), ("squared", squared_difference)):
        yield at_most(f"{name} of equal experts", divergence(all_outputs(x_TD, bank)).abs().max(), 1e-12)
