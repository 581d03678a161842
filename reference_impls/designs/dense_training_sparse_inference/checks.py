"""DS-MoE: its loss against scipy's entropies, both modes and the loss against float64 loops."""

import math
from collections.abc import Iterator
from functools import partial
from itertools import chain

import torch

from reference_impls.core.losses import token_information_loss
from reference_impls.designs.dense_training_sparse_inference.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_least, at_most, close
from reference_impls.verify.libraries import drawn
from reference_impls.verify.naive import dot_products, largest, mixed_output, softmax, tokens

D, F, E, K, T = 12, 10, 6, 2, 19
_tokens = partial(tokens, 1, T, D)
_layer = partial(drawn, make_layer, d_model=D, d_expert=F, n_experts=E, experts_per_token=K)


def checks(entry: Entry) -> Iterator[Check]:
    """Loss, equations, modes."""
    yield from chain(loss(), equations(), modes())


def loss() -> Iterator[Check]:
    """The loss by scipy, its bounds, and its gradient by differences."""
    from scipy.stats import entropy

    generator = torch.Generator().manual_seed(2)
    for sharpness in (0.1, 3.0, 30.0):
        logit_TE = (sharpness * torch.randn(T, E, generator=generator, dtype=torch.float64)).requires_grad_()
        ours = token_information_loss(logit_TE.softmax(-1))
        p_TE = logit_TE.detach().softmax(-1).numpy()
        theirs = entropy(p_TE, axis=1).mean() - entropy(p_TE.mean(0))
        yield at_most(f"loss differs from scipy's, logits of scale {sharpness:g}, by", abs(ours.item() - theirs), 1e-12)
        yield at_most("the loss, never above 0", ours, 1e-12)
        yield at_least("the loss, never below -ln E", ours, -math.log(E))
        (gradient_TE,) = torch.autograd.grad(ours, logit_TE)
        step = 1e-6
        with torch.no_grad():
            moved = [logit_TE.clone(), logit_TE.clone()]
            moved[0][0, 0] += step
            moved[1][0, 0] -= step
            up, down = (token_information_loss(logit.softmax(-1)) for logit in moved)
        yield at_most(
            "gradient of the loss beside its differences", abs(gradient_TE[0, 0] - (up - down) / (2 * step)), 1e-7
        )


def equations() -> Iterator[Check]:
    """Outputs and loss of both modes by a plain loop."""
    for training in (True, False):
        layer, x_BTD = _layer().train(training), _tokens()
        rows, distributions = [], []
        for x_D in x_BTD[0]:
            p = softmax(dot_products(layer.router.weight_ED, x_D))
            distributions.append(p)
            best = largest(p, E if training else K)
            rows.append(mixed_output(layer.experts, [p[i] if i in best else 0.0 for i in range(E)], x_D))
        mean = [sum(p[i] for p in distributions) / T for i in range(E)]
        expected = sum(mean_i * math.log(mean_i) for mean_i in mean)
        expected -= sum(p_i * math.log(p_i) for p in distributions for p_i in p) / T
        y_BTD, info = layer(x_BTD)
        mode = "training" if training else "inference"
        yield apart(f"equations in {mode}, by a float64 loop: outputs", y_BTD[0], torch.stack(rows))
        difference = abs(info.losses["mutual_information"].value.item() - expected)
        yield at_most(f"equations in {mode}, by a float64 loop: difference of the loss", difference, 1e-12)


def modes() -> Iterator[Check]:
    """With all experts kept the modes agree; in training one token teaches every expert."""
    layer, x_BTD = _layer(experts_per_token=E), _tokens()
    with torch.no_grad():
        trained, inferred = layer.train()(x_BTD)[0], layer.eval()(x_BTD)[0]
    yield close("inference with all experts beside training", inferred, trained, rtol=1e-12, atol=1e-12)
    layer = _layer().train()
    layer(x_BTD[:, :1])[0].sum().backward()
    reached = (layer.experts.w_out_EDF.grad.flatten(1).abs().sum(1) > 0).sum()
    yield at_least("experts with a gradient from a single token in training", reached, E)
