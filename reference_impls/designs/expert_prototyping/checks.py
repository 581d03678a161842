"""M6-T's expert prototyping against float64 loops, and against Switch where there is one prototype."""

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from reference_impls.designs.expert_prototyping.router import make_layer
from reference_impls.designs.switch_top1_router import router as switch
from reference_impls.designs.switch_top1_router.config import SwitchTop1Config
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart
from reference_impls.verify.libraries import beside, drawn, only_output
from reference_impls.verify.naive import added, beside_loop, dot_products, largest, serve, softmax, tokens

D, F, E, B, S = 16, 12, 6, 3, 14
_tokens = partial(tokens, B, S, D, seed=5)
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E)


def checks(entry: Entry) -> Iterator[Check]:
    """The equations for any number of prototypes, Switch as a special case, one expert of each prototype."""
    for n_prototypes in (1, 2, 3, 6):
        for factor in (0.6, 1.25):
            yield from equations(n_prototypes, factor)
    yield from one_prototype()
    yield from each_prototype_once()


def equations(n_prototypes: int, factor: float) -> Iterator[Check]:
    """Outputs, demand and loss by plain loops over sequences, prototypes and tokens."""
    ours, size = _layer(n_prototypes=n_prototypes, capacity_factor_train=factor).train(), E // n_prototypes
    x_BSD, rows, demands, balance = _tokens(), [], [], 0.0
    for x_SD in x_BSD:
        y_SD, total = torch.zeros_like(x_SD), [0.0] * E
        for first in range(0, E, size):
            gates = [softmax(dot_products(ours.router.weight_ED[first : first + size], x)) for x in x_SD]
            best = [largest(gate, 1)[0] for gate in gates]
            choices = [[(first + i, gate[i])] for i, gate in zip(best, gates, strict=True)]
            part_SD, demand = serve(ours.experts, x_SD, choices, math.ceil(factor * S / size))
            y_SD, total = y_SD + part_SD, added([total, demand])
            parts = sum(best.count(i) / S * m / S for i, m in enumerate(added(gates)))
            balance += size * parts / n_prototypes / B
        rows.append(y_SD)
        demands.append(total)
    name = f"equations, {n_prototypes} prototypes, factor {factor:g}"
    yield from beside_loop(name, ours(x_BSD), rows, losses={"load_balance": balance}, load=added(demands))


def one_prototype() -> Iterator[Check]:
    """One prototype is Switch without its input noise."""
    ours = _layer(n_prototypes=1, capacity_factor_train=0.8).train()
    config = SwitchTop1Config(d_model=D, d_expert=F, n_experts=E, jitter=0, capacity_factor_train=0.8)
    theirs: Any = switch.make_layer(config).double().train()
    theirs.load_state_dict(ours.state_dict())
    pairs = {name: (weight, theirs.get_parameter(name)) for name, weight in ours.named_parameters()}
    yield from beside(
        "one prototype beside Switch", only_output(ours), lambda x: theirs(x)[0], _tokens(), pairs,
        rtol=1e-11, atol=1e-12,
    )  # fmt: skip


def each_prototype_once() -> Iterator[Check]:
    """Where there is room, each token has one expert of each prototype."""
    routing = _layer(n_prototypes=3, capacity_factor_eval=6.0).eval()(_tokens())[1].routing
    count_TZ = torch.zeros(B * S, 3).index_put_(
        (routing.token_A, routing.expert_A // 2), torch.ones(len(routing.token_A)), accumulate=True
    )
    yield apart("experts of a token in a prototype, other than one", count_TZ, 1, 0)
