"""OMoE: Mixtral's routing, the loss on pairs of experts, and Gram-Schmidt against a QR decomposition."""

from collections.abc import Iterator
from functools import partial
from itertools import chain

import torch

from reference_impls.designs.orthogonality_loss.router import make_layer, orthogonality_loss, orthonormalise
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most, close
from reference_impls.verify.libraries import beside_block, drawn, mixtral_block
from reference_impls.verify.naive import dot_products, expert_output, largest, tokens

D, F, E, S = 32, 24, 6, 20
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E)


def checks(entry: Entry) -> Iterator[Check]:
    """Routing, loss, Gram-Schmidt."""
    yield from chain(transformers_block(), loss(), gram_schmidt(), outputs())


def transformers_block() -> Iterator[Check]:
    """With the loss setting outputs and gradients are those of Mixtral's block of transformers."""
    layer = _layer(orthogonality="loss", dtype=torch.float32)
    yield from beside_block("", layer, mixtral_block(D, F, E, 2), (1, S, D), 2)


def loss() -> Iterator[Check]:
    """The sum by a plain loop; nothing to do for experts without a common weight; descent drives experts apart."""
    bank = _layer(orthogonality="loss").experts
    flat = [[*bank.w_in_EID[i].flatten().tolist(), *bank.w_out_EDF[i].flatten().tolist()] for i in range(E)]
    expected = 0.0
    for i in range(E):
        for j in range(E):
            if i != j:
                expected += sum(a * b for a, b in zip(flat[i], flat[j], strict=True)) ** 2
    ours = float(orthogonality_loss(bank).detach())
    yield at_most("the loss differs from a float64 loop by, relatively", abs(ours / expected - 1), 1e-12)

    alike = _layer(orthogonality="loss").experts
    with torch.no_grad():
        for weight in alike.parameters():
            weight.copy_(weight[:1] + 0.1 * weight)
    before = float(orthogonality_loss(alike).detach())
    optimiser = torch.optim.SGD(alike.parameters(), lr=1e-5)
    for _ in range(50):
        optimiser.zero_grad()
        orthogonality_loss(alike).backward()
        optimiser.step()
    yield at_least("50 steps of descent divide the loss of similar experts by", before / orthogonality_loss(alike), 2)

    separate = _layer(orthogonality="loss").experts
    with torch.no_grad():
        for weight in separate.parameters():
            mask = torch.arange(weight[0].numel()) % E == torch.arange(E)[:, None]
            weight.mul_(mask.view_as(weight))
    yield at_most("the loss of experts without a common weight", orthogonality_loss(separate), 0)


def gram_schmidt() -> Iterator[Check]:
    """The basis is that of a QR decomposition whose diagonal is positive, with the gradient of it."""
    x_TKD = tokens(S, 4, D, seed=2).requires_grad_()
    q_TDK, r_TKK = torch.linalg.qr(x_TKD.transpose(1, 2))
    theirs = (q_TDK * r_TKK.diagonal(dim1=1, dim2=2).sign()[:, None]).transpose(1, 2)
    ours = orthonormalise(x_TKD)
    yield close("Gram-Schmidt beside torch's QR", ours, theirs, rtol=1e-10, atol=1e-10)
    direction = torch.randn(ours.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    gradients = [torch.autograd.grad(basis, x_TKD, direction)[0] for basis in (ours, theirs)]
    yield close("gradient of Gram-Schmidt beside torch's QR", *gradients, rtol=1e-8, atol=1e-9)
    gram_TKK = ours @ ours.transpose(1, 2)
    yield apart("the basis of a token misses orthonormality by", gram_TKK, torch.eye(4).expand(S, 4, 4), 1e-10)
    same = orthonormalise(x_TKD[:, :1].expand(-1, 2, -1))
    yield at_most("a repeated output adds", same[:, 1].abs().max(), 1e-6)


def outputs() -> Iterator[Check]:
    """Whole outputs with Gram-Schmidt, by a plain loop over tokens and experts."""
    ours = _layer(orthogonality="gram-schmidt")
    x_TD = tokens(S, D, seed=5)
    expected = torch.zeros_like(x_TD)
    for t, x in enumerate(x_TD):
        logits = dot_products(ours.router.weight_ED, x)
        first, second = largest(logits, 2)
        share = 1 / (1 + torch.tensor(logits[second] - logits[first], dtype=torch.float64).exp())
        made = []
        for i in (first, second):
            made.append(expert_output(ours.experts, i, x))
        u = made[0] / made[0].norm()
        v = made[1] - (u @ made[1]) * u
        expected[t] = (D / 8) ** 0.5 * (share * u + (1 - share) * v / v.norm())
    yield apart("Gram-Schmidt outputs, by a float64 loop: largest difference", ours(x_TD[None])[0][0], expected, 1e-9)
