"""The conventions of the balancing loss, and Mixtral's with padding."""

import pytest
import torch

from reference_impls.core.losses import load_balancing_loss
from reference_impls.designs.mixtral_top2_router.config import MixtralTop2Config
from reference_impls.designs.mixtral_top2_router.router import make_layer

D, F, E, B, S = 32, 48, 8, 3, 20


def test_balancing_loss_equals_that_of_transformers_also_with_padding():
    from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func

    ours = make_layer(MixtralTop2Config(d_model=D, d_expert=F, n_experts=E))
    torch.nn.init.normal_(ours.router.weight_ED, std=D**-0.5)
    x = torch.randn(B, S, D)
    logit_TE = ours.router.logits(x.view(-1, D))
    info = ours(x)[1]
    expected = load_balancing_loss_func((logit_TE,), num_experts=E, top_k=2)
    torch.testing.assert_close(info.losses["load_balance"].value, expected)

    real = torch.ones(B, S, dtype=torch.bool)
    real[0, 5:] = False
    real[2, :3] = False
    info = ours(x, real)[1]
    expected = load_balancing_loss_func((logit_TE,), num_experts=E, top_k=2, attention_mask=real)
    torch.testing.assert_close(info.losses["load_balance"].value, expected)


def test_the_conventions_differ_as_documented():
    torch.manual_seed(1)
    probability_TE = (torch.randn(400, E) + torch.linspace(0, 3, E)).softmax(-1)
    choice_TK = probability_TE.topk(2, dim=-1).indices
    value = {
        name: float(load_balancing_loss(probability_TE, choice_TK, name))
        for name in ("per-token", "per-assignment", "first-choice")
    }
    assert value["per-token"] == pytest.approx(2 * value["per-assignment"], rel=1e-6)
    first = torch.bincount(choice_TK[:, 0], minlength=E) / 400
    assert value["first-choice"] == pytest.approx(float(E * first @ probability_TE.mean(0)), rel=1e-5)
    assert value["first-choice"] != pytest.approx(value["per-assignment"], rel=1e-3)


def test_perfect_balance_gives_the_documented_values():
    probability_TE = torch.full((E, E), 1 / E)
    choice_TK = torch.stack([torch.arange(E), torch.arange(E).roll(1)], dim=1)
    for convention, expected in (("per-token", 2), ("per-assignment", 1), ("first-choice", 1)):
        value = float(load_balancing_loss(probability_TE, choice_TK, convention))
        assert value == pytest.approx(expected, rel=1e-6)
