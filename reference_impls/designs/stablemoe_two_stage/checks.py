"""StableMoE against its equations in float64, in both stages."""

import math
from collections.abc import Iterator
from typing import Any

import torch

from reference_impls.core.routing import Progress
from reference_impls.designs.stablemoe_two_stage.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most
from reference_impls.verify.libraries import drawn
from reference_impls.verify.naive import beside_loop, dot_products, expert_output, largest, softmax

D, F, N, S = 16, 12, 5, 40


def checks(entry: Entry) -> Iterator[Check]:
    """Both stages, and what is frozen."""
    for second in (False, True):
        yield from equations(second)
    yield from frozen()


def _layer() -> Any:
    return drawn(make_layer, d_model=D, d_expert=F, n_experts=N, routing_width=7, capacity_factor_train=1.2).train()


def _tokens(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, S, D, dtype=torch.float64, generator=generator), torch.randint(
        256, (1, S), generator=generator
    )


def equations(second: bool) -> Iterator[Check]:
    """Outputs, drops and losses in training by a plain loop over the tokens of one sequence."""
    ours = _layer()
    ours.router.second_stage.fill_(second)
    x_BSD, word_BS = _tokens(5)
    router, experts = ours.router, ours.experts
    expected, room, dropped = torch.zeros(S, D, dtype=torch.float64), [math.ceil(1.2 * S / N)] * N, 0
    chosen: list[list[float]] = [[] for _ in range(N)]
    surprise, agree = 0.0, 0
    for t, x in enumerate(x_BSD[0]):
        logits = dot_products(router.weight_ED, x)
        distilled = dot_products(router.distilled_EH, router.embedding_WH[word_BS[0, t]].detach())
        learned, taught = largest(logits, 1)[0], largest(distilled, 1)[0]
        agree += learned == taught
        chosen[learned].append(1 / (1 + math.exp(-logits[learned])))
        surprise -= math.log(softmax(distilled)[learned]) / S
        i = taught if second else learned
        if room[i]:
            room[i] -= 1
            expected[t] = expert_output(experts, i, x) / (1 + math.exp(-logits[i]))
        else:
            dropped += 1
    stage = "stage two" if second else "stage one"
    yield at_least(f"{stage}: tokens that the loop drops", dropped, 1)
    balance = sum((len(scores) - S / N) / (S / N) * sum(scores) for scores in chosen) / S
    losses, stats = {"load_balance": balance, "distillation": surprise}, {"agreement": agree / S}
    made = ours(x_BSD, token_id=word_BS)
    yield from beside_loop(f"equations of {stage}", made, expected, losses, stats, dropped=dropped)


def frozen() -> Iterator[Check]:
    """In stage two no optimiser moves the distilled gate, and only the word decides."""
    ours = _layer()
    optimiser = torch.optim.AdamW(ours.parameters(), lr=0.1, weight_decay=0.1)
    kept = {}
    for step in range(4):
        x_BSD, word_BS = _tokens(step)
        y_BSD, info = ours(x_BSD, token_id=word_BS)
        loss = y_BSD.square().mean() + sum(part.coefficient * part.value for part in info.losses.values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        ours.on_step(info, Progress(step + 1, 6))  # the first stage ends with the second of six steps
        if step == 1:
            kept = {name: value.detach().clone() for name, value in ours.router.named_parameters()}
    moved = {name: float((value.detach() - kept[name]).abs().max()) for name, value in ours.router.named_parameters()}
    yield at_most("stage two moves the distilled gate by", max(moved["embedding_WH"], moved["distilled_EH"]), 0)
    yield at_least("stage two moves the centroids by", moved["weight_ED"], 1e-3)
    x_BSD, word_BS = _tokens(8)
    ours.eval()
    once, again = (ours(x, token_id=word_BS)[1].routing.load_E for x in (x_BSD, -2 * x_BSD))
    yield apart("change of the experts' loads when the vectors change", once, again, 0)
