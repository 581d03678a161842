"""MEO against an ordinary module with averaged weights, its equations in float64, and its promises."""

import math
from collections.abc import Iterator
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from reference_impls.designs.meo_sequence_merging.config import MEOConfig
from reference_impls.designs.meo_sequence_merging.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, close
from reference_impls.verify.libraries import beside, in_both, only_output, twins
from reference_impls.verify.merging import plain_expert, through_average
from reference_impls.verify.naive import dot_products, largest, softmax

D, H, E, B, S = 12, 10, 5, 6, 7


def checks(entry: Entry) -> Iterator[Check]:
    """Module with averaged weights, equations, losses, linear experts."""
    for k in (1, 2, E):
        yield from in_both(averaged_module, k, rtol=1e-10, atol=1e-12)
    yield from chain(equations(), losses(), linear_experts())


def _layer(k: int = 2, dtype: torch.dtype = torch.float64) -> Any:
    torch.manual_seed(0)
    config = MEOConfig(d_model=D, d_expert=H, n_experts=E, merged_experts=k, attention_reduction=4)
    layer: Any = make_layer(config).to(dtype).eval()
    with torch.no_grad():  # biases, too, and the zeros that it begins with
        for weight in layer.router.parameters():
            weight.copy_(torch.randn(weight.shape) * 1.5 * weight.shape[-1] ** -0.5)
    return layer


def _tokens(dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(B, S, D, generator=torch.Generator().manual_seed(1)).to(dtype)


def averaged_module(k: int, dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """Sequence by sequence through `torch.func.functional_call`, outputs and gradients."""
    ours = _layer(k, dtype)
    attention, gate = ours.router.attention, ours.router.gate
    pairs = twins(
        V=attention.down_HD, b_V=attention.down_H, U=attention.up_DH, b_U=attention.up_D,
        router=gate.weight_ED, w_in=ours.experts.w_in_EID, w_out=ours.experts.w_out_EDF,
    )  # fmt: skip
    V, b_V, U, b_U, weight_ED, w_in, w_out = (pair[1] for pair in pairs.values())

    def theirs(x_BSD: Tensor) -> Tensor:
        outputs = []
        for x_SD in x_BSD:
            seen_SD = x_SD + torch.nn.functional.linear(torch.nn.functional.linear(x_SD, V, b_V).relu(), U, b_U)
            logit_E = weight_ED @ seen_SD.mean(0)
            shut_E = logit_E < logit_E.sort(descending=True).values[k - 1]
            weight_E = logit_E.masked_fill(shut_E, -torch.inf).softmax(-1)
            outputs.append(through_average(w_in, w_out, weight_E, seen_SD))
        return torch.stack(outputs)

    name = f"a module with averaged weights, k = {k}, {str(dtype)[6:]}"
    yield from beside(name, only_output(ours), theirs, _tokens(dtype), pairs, **tolerance)


def equations() -> Iterator[Check]:
    """Outputs by a plain loop over sequences, experts and tokens."""
    ours, x_BSD = _layer(), _tokens()
    attention = ours.router.attention
    V, b_V, U, b_U = (part.detach() for part in (attention.down_HD, attention.down_H, attention.up_DH, attention.up_D))
    expected = torch.zeros_like(x_BSD)
    for b, x_SD in enumerate(x_BSD):
        seen = [x + U @ (V @ x + b_V).clamp(min=0) + b_U for x in x_SD]
        mean = torch.stack(seen).sum(0) / S
        logits = dot_products(ours.router.gate.weight_ED, mean)
        best = largest(logits, 2)
        chosen = dict(zip(best, softmax([logits[i] for i in best]), strict=True))
        for s, x in enumerate(seen):
            expected[b, s] = plain_expert(ours.experts, [chosen.get(i, 0.0) for i in range(E)], x)
    yield apart("equations, by a float64 loop: outputs", ours(x_BSD)[0], expected)


def losses() -> Iterator[Check]:
    """Both losses in training, from the noise that was drawn, written out."""
    ours, x_BSD = _layer().train(), _tokens()
    torch.manual_seed(5)
    info = ours(x_BSD)[1]
    torch.manual_seed(5)
    noise_BE = torch.randn(B, E, dtype=torch.float64)
    gate, mean_BD = ours.router.gate, ours.router.attention(x_BSD.view(-1, D)).view(B, S, D).mean(1).detach()
    importance, load = [0.0] * E, [0.0] * E
    for mean, noise in zip(mean_BD, noise_BE, strict=True):
        clean = dot_products(gate.weight_ED, mean)
        deviation = [math.log1p(math.exp(float(w @ mean))) + 0.01 for w in gate.noise_ED.detach()]
        noisy = [c + d * float(n) for c, d, n in zip(clean, deviation, noise, strict=True)]
        best = largest(noisy, 2)
        for i, weight in zip(best, softmax([noisy[i] for i in best]), strict=True):
            importance[i] += weight
        for i in range(E):
            second_of_others = sorted((noisy[j] for j in range(E) if j != i), reverse=True)[1]
            load[i] += 0.5 * (1 + math.erf((clean[i] - second_of_others) / deviation[i] / math.sqrt(2)))
    for name, values in (("importance", importance), ("load", load)):
        mean_value = sum(values) / E
        expected = sum((value - mean_value) ** 2 for value in values) / E / mean_value**2
        yield close(
            f"loss `{name}`, written out", info.losses[name].value, torch.tensor(expected), rtol=1e-6, atol=1e-9
        )


def linear_experts() -> Iterator[Check]:
    """Where experts are linear, merging weights averages outputs."""
    ours, x_BSD = _layer(3), _tokens()
    ours.experts.activate = lambda in_RI: in_RI[..., :H]
    # Linear in each of its two matrices: merge the first alone, the second being the same for all.
    with torch.no_grad():
        ours.experts.w_out_EDF.copy_(ours.experts.w_out_EDF[:1].expand_as(ours.experts.w_out_EDF))
        output, info = ours(x_BSD)
        seen = ours.router.attention(x_BSD.view(-1, D))
        separate = torch.stack([ours.experts(seen, e) for e in range(E)], dim=1)
        weight_TE = info.routing.weight_GE[info.routing.group_T]
        averaged = torch.einsum("te,ted->td", weight_TE, separate).view_as(x_BSD)
    yield apart("linear experts: difference from averaging their outputs", output, averaged)
    yield apart("experts merged for a sequence, farthest from k", (weight_TE > 0).sum(-1), 3, 0)
    yield apart("weights of a sequence: farthest sum from 1", weight_TE.sum(-1), 1)
