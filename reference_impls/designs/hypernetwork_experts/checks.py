"""HyperMoE: chosen experts against transformers, the made one against modules wired as in the authors' code."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from reference_impls.designs.hypernetwork_experts.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most
from reference_impls.verify.libraries import (
    beside,
    clear_tokens,
    drawn,
    in_both,
    olmoe_block,
    only_output,
    share_weights,
    weight_map,
)
from reference_impls.verify.naive import expert_output, largest, tokens

D, F, E, R, H, C, B, S = 16, 20, 6, 3, 7, 5, 2, 12


def checks(entry: Entry) -> Iterator[Check]:
    """Outputs, gradients, equations, what the made expert depends on."""
    for k in (1, 2, 6):
        yield from in_both(beside_modules, k)
        yield from equations(k)
    yield from dependence()


def _layer(k: int, dtype: torch.dtype = torch.float64) -> Any:
    layer = drawn(
        make_layer,
        dtype,
        d_model=D,
        d_expert=F,
        n_experts=E,
        experts_per_token=k,
        hyper_width=R,
        hyper_hidden=H,
        embedding_width=C,
    )
    with torch.no_grad():
        for linear in (layer.process[0], layer.process[2], layer.make_hidden, layer.make_expert):
            linear.bias.normal_(std=0.3)
        layer.make_expert.weight.normal_(std=0.3)
    return layer


class MadePerToken(nn.Module):
    """The made expert as the authors wire it: embeddings of each token's unselected experts summed, weights for each
    token, two batched products."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(E, C)
        self.process = nn.Sequential(nn.Linear(C, C), nn.ReLU(), nn.Linear(C, C))
        self.hidden = nn.Linear(C, H)
        self.down, self.up = nn.Linear(H, R * D), nn.Linear(H, D * R)
        self.down_bias, self.up_bias = nn.Linear(H, R), nn.Linear(H, D)

    def forward(self, x_TD: Tensor, unselected: list[list[int]]) -> Tensor:
        """Outputs for the tokens."""
        summed = torch.stack([self.embedding(torch.tensor(ids, dtype=torch.int64)).sum(0) for ids in unselected])
        u = self.hidden(self.process(summed)).relu()
        h = torch.bmm(self.down(u).view(-1, R, D), x_TD[..., None])[..., 0] + self.down_bias(u)
        made: Tensor = torch.bmm(self.up(u).view(-1, D, R), h.relu()[..., None])[..., 0] + self.up_bias(u)
        return made


def beside_modules(k: int, dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """Outputs and all gradients beside transformers' block and the made expert by torch modules."""
    block = olmoe_block(D, F, E, k, dtype)
    made: Any = MadePerToken().to(dtype)
    ours = _layer(k, dtype)
    pairs = {
        **weight_map(ours, block),
        "the embeddings": (ours.embedding_EC, made.embedding.weight),
        "the first map": (ours.process[0].weight, made.process[0].weight),
        "the second map": (ours.process[2].weight, made.process[2].weight),
        "the hypernetwork": (ours.make_hidden.weight, made.hidden.weight),
    }
    share_weights(pairs)
    with torch.no_grad():
        for linear, other in zip(
            (ours.process[0], ours.process[2], ours.make_hidden),
            (made.process[0], made.process[2], made.hidden),
            strict=True,
        ):
            other.bias.copy_(linear.bias)
        parts = (made.down, made.up, made.down_bias, made.up_bias)
        sizes = [part.out_features for part in parts]
        weights, biases = ours.make_expert.weight.split(sizes), ours.make_expert.bias.split(sizes)
        for part, weight, bias in zip(parts, weights, biases, strict=True):
            part.weight.copy_(weight)
            part.bias.copy_(bias)

    def theirs(x_BSD: Tensor) -> Tensor:
        x_TD = x_BSD.flatten(0, 1)
        best = (x_TD @ block.gate.weight.T).topk(k).indices.tolist()
        unselected = [[j for j in range(E) if j not in ids] for ids in best]
        y_BSD: Tensor = only_output(block)(x_BSD).view_as(x_BSD) + made(x_TD, unselected).view_as(x_BSD)
        return y_BSD

    x_BSD = clear_tokens(lambda x: ours.router.logits(x).softmax(-1), k, (B, S, D), dtype=dtype)
    name = f"OlmoeSparseMoeBlock and an expert made for each token, k = {k}, {str(dtype)[6:]}"
    yield from beside(name, only_output(ours), theirs, x_BSD, pairs, **tolerance)


def equations(k: int) -> Iterator[Check]:
    """Outputs by a plain loop over tokens and experts."""
    ours = _layer(k)
    parameters = {name: value.detach() for name, value in ours.named_parameters()}
    x_TD = tokens(S, D, seed=5)
    expected, choices = torch.zeros_like(x_TD), set()

    def relu(values: Tensor) -> Tensor:
        return torch.where(values > 0, values, 0.0)

    def linear(name: str, values: Tensor) -> Tensor:
        mapped: Tensor = parameters[f"{name}.weight"] @ values + parameters[f"{name}.bias"]
        return mapped

    for t, x in enumerate(x_TD):
        exponents = [float((w @ x).exp()) for w in parameters["router.weight_ED"]]
        best = largest(exponents, k)
        choices.add(frozenset(best))
        for i in best:
            expected[t] += exponents[i] / sum(exponents) * expert_output(ours.experts, i, x)
        z = torch.zeros(C, dtype=torch.float64)
        for j in range(E):
            if j not in best:
                z = z + parameters["embedding_EC"][j]
        made = linear("make_expert", relu(linear("make_hidden", linear("process.2", relu(linear("process.0", z))))))
        A, upward = made[: R * D].view(R, D), made[R * D : 2 * R * D].view(D, R)
        expected[t] += upward @ relu(A @ x + made[2 * R * D : 2 * R * D + R]) + made[2 * R * D + R :]
    y_BSD, info = ours(x_TD[None])
    name = f"equations by a float64 loop, k = {k}"
    yield apart(f"{name}: outputs differ by", y_BSD[0], expected)
    yield at_most(f"{name}: choices differ by", abs(info.stats["choices"] - len(choices)), 0)


def dependence() -> Iterator[Check]:
    """The made expert hears the experts not chosen, and only them."""
    ours = _layer(2)
    x_BSD = torch.randn(1, 1, D, dtype=torch.float64)
    y_BSD, info = ours(x_BSD)
    (gradient_EC,) = torch.autograd.grad(y_BSD.sum(), ours.embedding_EC)
    chosen_K = info.routing.expert_A
    others = [e for e in range(E) if e not in chosen_K.tolist()]
    yield at_most("gradient of the embeddings of chosen experts", gradient_EC[chosen_K].abs().max(), 0)
    yield at_least("least gradient of the embeddings of the others", gradient_EC[others].abs().sum(-1).min(), 1e-6)
