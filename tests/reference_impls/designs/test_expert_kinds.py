"""Designs whose experts differ, are generated, or learn from each other."""

from math import comb

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls import make_layer
from reference_impls.designs.heterogeneous_experts.config import HeterogeneousConfig
from reference_impls.designs.heterogeneous_experts.experts import HeterogeneousSwiGLUExperts
from reference_impls.designs.hypernetwork_experts.router import chosen
from reference_impls.designs.mutual_distillation_loss.router import kl_divergence, squared_difference
from reference_impls.designs.progressive_layered_extraction import router as ple
from reference_impls.designs.progressive_layered_extraction.config import PLEConfig
from reference_impls.designs.progressive_layered_extraction.router import candidates


def test_eight_experts_are_as_wide_as_in_the_paper():
    assert HeterogeneousConfig(d_expert=16).expert_widths == (9, 11, 13, 15, 17, 19, 21, 23)
    assert HeterogeneousConfig(d_expert=255, widths="geometric").expert_widths == tuple(8 * 2**i for i in range(8))
    assert HeterogeneousConfig(d_expert=16, widths="hybrid").expert_widths == (8, 8, 8, 8, 16, 16, 32, 32)


def test_a_bank_has_the_widths_it_was_given():
    bank = HeterogeneousSwiGLUExperts(6, (1, 3, 8))
    assert [weight.shape for weight in bank.w_in] == [(2, 6), (6, 6), (16, 6)]
    assert [bank(torch.randn(rows, 6), e).shape for e, rows in enumerate((0, 1, 4))] == [(0, 6), (1, 6), (4, 6)]
    assert sum(weight.numel() for weight in bank.parameters()) == 3 * 6 * 12


@settings(deadline=None, max_examples=15)
@given(price=st.floats(0, 2), seed=st.integers(0, 2**31))
def test_a_higher_price_never_widens_the_active_width(price: float, seed: int):
    x_BSD = torch.randn(1, 40, 8, generator=torch.Generator().manual_seed(seed))

    def active(cost: float) -> float:
        torch.manual_seed(seed)
        layer = make_layer("heterogeneous-experts", d_model=8, d_expert=16, cost_weight=cost)
        torch.nn.init.normal_(layer.router.weight_ED)
        return layer(x_BSD)[1].stats["active_width"]

    assert active(price + 0.1) <= active(price) + 1e-4


def hypernetwork_layer(n_experts: int = 5, k: int = 2, **fields):
    layer = make_layer(
        "hypernetwork-experts",
        d_model=8,
        d_expert=6,
        n_experts=n_experts,
        experts_per_token=min(k, n_experts),
        **fields,
    ).double()
    torch.nn.init.normal_(layer.router.weight_ED)
    return layer


@settings(deadline=None, max_examples=25)
@given(E=st.integers(1, 6), k=st.integers(1, 6), T=st.integers(0, 12), seed=st.integers(0, 2**31))
def test_there_are_no_more_made_experts_than_choices(E: int, k: int, T: int, seed: int):
    torch.manual_seed(seed)
    layer = hypernetwork_layer(E, k)
    y_BSD, info = layer(torch.randn(1, T, 8, dtype=torch.float64))
    assert y_BSD.shape == (1, T, 8)
    assert info.stats["choices"] <= min(T, comb(E, min(k, E)))
    assert bool((chosen(info.routing).sum(-1) == min(k, E)).all())


def test_tokens_that_choose_alike_share_what_is_made():
    layer = hypernetwork_layer()
    x_TD = torch.randn(6, 8, dtype=torch.float64)
    choice_TE = torch.tensor([[1, 1, 0, 0, 0], [0, 0, 1, 1, 0]], dtype=torch.int8).repeat(3, 1)
    together = layer.hyper_expert(x_TD, choice_TE)
    apart = torch.cat([layer.hyper_expert(x_TD[t : t + 1], choice_TE[t : t + 1]) for t in range(6)])
    torch.testing.assert_close(together, apart)


def test_a_token_with_all_experts_has_a_made_one_all_the_same():
    layer = hypernetwork_layer(3, 3)
    with torch.no_grad():
        layer.experts.w_out_EDF.zero_()
        layer.make_expert.bias.fill_(1.0)
    assert float(layer(torch.randn(1, 4, 8, dtype=torch.float64))[0].abs().min().detach()) > 0


@pytest.mark.parametrize("fields", [{}, {"hyper_width": 3, "hyper_hidden": 5, "embedding_width": 7}])
def test_what_makes_an_expert_lies_on_the_path(fields):
    layer = hypernetwork_layer(**fields)
    everything = sum(weight.numel() for weight in layer.parameters())
    assert layer.path_parameters() + layer.routed_parameters() + layer.router.weight_ED.numel() == everything


def mode_layer(**fields):
    return make_layer("mutual-distillation-loss", **{"d_model": 16, "d_expert": 8, "n_experts": 4} | fields).double()


@settings(deadline=None, max_examples=30)
@given(E=st.integers(1, 5), T=st.integers(0, 4), D=st.integers(1, 6), seed=st.integers(0, 2**31))
def test_divergences_are_not_negative_and_blind_to_the_order_of_experts(E: int, T: int, D: int, seed: int):
    generator = torch.Generator().manual_seed(seed)
    output_ETD = torch.randn(E, T, D, dtype=torch.float64, generator=generator)
    order_E = torch.randperm(E, generator=generator)
    for divergence in (kl_divergence, squared_difference):
        value_T = divergence(output_ETD)
        assert value_T.shape == (T,)
        assert bool((value_T >= -1e-12).all())
        torch.testing.assert_close(divergence(output_ETD[order_E]), value_T)


def test_distillation_is_there_in_training_only():
    layer = mode_layer()
    x_BSD = torch.randn(2, 9, 16, dtype=torch.float64)
    assert set(layer.train()(x_BSD)[1].losses) == {"load_balance", "distillation"}
    assert set(layer.eval()(x_BSD)[1].losses) == {"load_balance"}


@pytest.mark.parametrize("divergence", ["kl", "squared"])
def test_a_share_of_the_tokens_estimates_the_loss_of_all(divergence: str):
    x_BSD = torch.randn(1, 40, 16, dtype=torch.float64)
    torch.manual_seed(1)
    layer = mode_layer(divergence=divergence, distilled_fraction=0.25).train()
    exact = mode_layer(divergence=divergence, distilled_fraction=1.0).train()
    exact.load_state_dict(layer.state_dict())
    drawn = torch.stack([layer(x_BSD)[1].losses["distillation"].value.detach() for _ in range(400)])
    expected = float(exact(x_BSD)[1].losses["distillation"].value.detach())
    assert float(drawn.std()) > 0
    assert abs(float(drawn.mean()) - expected) < 5 * float(drawn.std()) / 20


def test_one_token_is_enough():
    value = mode_layer(distilled_fraction=0.01).train()(torch.randn(1, 1, 16, dtype=torch.float64))[1].losses
    assert float(value["distillation"].value.detach()) > 0


@settings(max_examples=30, deadline=None)
@given(K=st.integers(1, 4), own=st.integers(0, 3), shared=st.integers(1, 3))
def test_every_expert_belongs_to_one_task_or_to_all(K, own, shared):
    config = PLEConfig(n_tasks=K, specific_experts=own, n_experts=K * own + shared)
    candidate_KC = candidates(config)
    assert candidate_KC.shape == (K, own + shared) == (K, config.candidates)
    seen_by = torch.bincount(candidate_KC.flatten(), minlength=config.n_experts)
    assert seen_by.tolist() == [1] * (K * own) + [K] * shared


def test_what_runs_is_counted_over_the_levels():
    config = PLEConfig(n_experts=8, specific_experts=3, levels=2)
    assert (config.shared_experts, config.candidates) == (2, 5)
    assert config.active_experts == (8 + 5) / 2
    one = PLEConfig(n_experts=8, specific_experts=3, levels=1)
    assert one.active_experts == 5
    assert ple.make_layer(config).routed_parameters() == 2 * ple.make_layer(one).routed_parameters()
