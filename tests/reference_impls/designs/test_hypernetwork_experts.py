from math import comb

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.designs.hypernetwork_experts.config import HyperMoEConfig
from reference_impls.designs.hypernetwork_experts.router import chosen, make_layer


def layer_of(n_experts: int = 5, k: int = 2, **fields):
    config = HyperMoEConfig(d_model=8, d_expert=6, n_experts=n_experts, experts_per_token=min(k, n_experts), **fields)
    layer = make_layer(config).double()
    torch.nn.init.normal_(layer.router.weight_ED)
    return layer


@settings(deadline=None, max_examples=25)
@given(E=st.integers(1, 6), k=st.integers(1, 6), T=st.integers(0, 12), seed=st.integers(0, 2**31))
def test_there_are_no_more_made_experts_than_choices(E: int, k: int, T: int, seed: int):
    torch.manual_seed(seed)
    layer = layer_of(E, k)
    y_BSD, info = layer(torch.randn(1, T, 8, dtype=torch.float64))
    assert y_BSD.shape == (1, T, 8)
    assert info.stats["choices"] <= min(T, comb(E, min(k, E)))
    assert bool((chosen(info.routing).sum(-1) == min(k, E)).all())


def test_tokens_that_choose_alike_share_what_is_made():
    layer = layer_of()
    x_TD = torch.randn(6, 8, dtype=torch.float64)
    choice_TE = torch.tensor([[1, 1, 0, 0, 0], [0, 0, 1, 1, 0]], dtype=torch.int8).repeat(3, 1)
    together = layer.hyper_expert(x_TD, choice_TE)
    apart = torch.cat([layer.hyper_expert(x_TD[t : t + 1], choice_TE[t : t + 1]) for t in range(6)])
    torch.testing.assert_close(together, apart)


def test_a_token_with_all_experts_has_a_made_one_all_the_same():
    layer = layer_of(3, 3)
    with torch.no_grad():
        layer.experts.w_out_EDF.zero_()
        layer.make_expert.bias.fill_(1.0)
    assert float(layer(torch.randn(1, 4, 8, dtype=torch.float64))[0].abs().min().detach()) > 0


@pytest.mark.parametrize("fields", [{}, {"hyper_width": 3, "hyper_hidden": 5, "embedding_width": 7}])
def test_what_makes_an_expert_lies_on_the_path(fields):
    layer = layer_of(**fields)
    everything = sum(weight.numel() for weight in layer.parameters())
    assert layer.path_parameters() + layer.routed_parameters() + layer.router.weight_ED.numel() == everything
