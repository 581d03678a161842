"""M6-T's expert prototyping against float64 loops, and against Switch where there is one prototype."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from reference_impls.designs.expert_prototyping.config import M6TConfig
from reference_impls.designs.expert_prototyping.router import make_layer
from reference_impls.designs.switch_top1_router import router as switch
from reference_impls.designs.switch_top1_router.config import SwitchTop1Config
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, at_most
from reference_impls.verify.libraries import beside, decisive
from reference_impls.verify.naive import expert_output, tokens

D, F, E, B, S = 16, 12, 6, 3, 14


def checks(entry: Entry) -> Iterator[Check]:
    """The equations for any number of prototypes, Switch as a special case, one expert of each prototype."""
    for n_prototypes in (1, 2, 3, 6):
        for factor in (0.6, 1.25):
            yield from equations(n_prototypes, factor)
    yield from one_prototype()
    yield from each_prototype_once()


def _layer(n_prototypes: int, **fields: Any) -> Any:
    torch.manual_seed(0)
    config = M6TConfig(d_model=D, d_expert=F, n_experts=E, n_prototypes=n_prototypes, **fields)
    return decisive(make_layer(config).double())


def _tokens() -> Tensor:
    return tokens(B, S, D, seed=5)


def equations(n_prototypes: int, factor: float) -> Iterator[Check]:
    """Outputs, demand and loss by plain loops over sequences, prototypes and tokens."""
    ours, x_BSD, size = _layer(n_prototypes, capacity_factor_train=factor).train(), _tokens(), E // n_prototypes
    weight = ours.router.weight_ED.detach()
    capacity, expected, demand, balance = math.ceil(factor * S / size), torch.zeros_like(x_BSD), [0] * E, 0.0
    for b in range(B):
        for z in range(n_prototypes):
            taken, chosen, mean = [0] * size, [0] * size, [0.0] * size
            for s in range(S):
                x = x_BSD[b, s]
                exponents = [math.exp(float(weight[z * size + i] @ x)) for i in range(size)]
                best = max(range(size), key=lambda i: exponents[i])
                chosen[best] += 1
                demand[z * size + best] += 1
                mean = [m + value / sum(exponents) / S for m, value in zip(mean, exponents, strict=True)]
                if taken[best] < capacity:
                    taken[best] += 1
                    e, share = z * size + best, exponents[best] / sum(exponents)
                    expected[b, s] += share * expert_output(ours.experts, e, x)
            parts = sum(count / S * m for count, m in zip(chosen, mean, strict=True))
            balance += size * parts / n_prototypes / B
    y_BSD, info = ours(x_BSD)
    name = f"equations by a float64 loop, {n_prototypes} prototypes, factor {factor:g}"
    yield at_most(f"{name}: outputs differ by", (y_BSD.detach() - expected).abs().max(), 1e-12)
    yield at_most(f"{name}: demand differs by", (info.routing.load_E - torch.tensor(demand)).abs().max(), 0)
    yield at_most(f"{name}: loss differs by", abs(info.losses["load_balance"].value.detach() - balance), 1e-12)


def one_prototype() -> Iterator[Check]:
    """One prototype is Switch without its input noise."""
    ours = _layer(1, capacity_factor_train=0.8).train()
    config = SwitchTop1Config(d_model=D, d_expert=F, n_experts=E, jitter=0, capacity_factor_train=0.8)
    theirs: Any = switch.make_layer(config).double().train()
    theirs.load_state_dict(ours.state_dict())
    pairs = {name: (weight, theirs.get_parameter(name)) for name, weight in ours.named_parameters()}
    yield from beside(
        "one prototype beside Switch", lambda x: ours(x)[0], lambda x: theirs(x)[0], _tokens(), pairs,
        rtol=1e-11, atol=1e-12,
    )  # fmt: skip


def each_prototype_once() -> Iterator[Check]:
    """Where there is room, each token has one expert of each prototype."""
    routing = _layer(3, capacity_factor_eval=6.0).eval()(_tokens())[1].routing
    count_TZ = torch.zeros(B * S, 3).index_put_(
        (routing.token_A, routing.expert_A // 2), torch.ones(len(routing.token_A)), accumulate=True
    )
    yield at_most("experts of a token in a prototype, other than one", (count_TZ - 1).abs().max(), 0)
