import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.designs.mutual_distillation_loss.config import MoDEConfig
from reference_impls.designs.mutual_distillation_loss.router import kl_divergence, make_layer, squared_difference


def layer_of(**fields):
    return make_layer(MoDEConfig(**{"d_model": 16, "d_expert": 8, "n_experts": 4} | fields)).double()


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
    layer = layer_of()
    x_BSD = torch.randn(2, 9, 16, dtype=torch.float64)
    assert set(layer.train()(x_BSD)[1].losses) == {"load_balance", "distillation"}
    assert set(layer.eval()(x_BSD)[1].losses) == {"load_balance"}


@pytest.mark.parametrize("divergence", ["kl", "squared"])
def test_a_share_of_the_tokens_estimates_the_loss_of_all(divergence: str):
    x_BSD = torch.randn(1, 40, 16, dtype=torch.float64)
    torch.manual_seed(1)
    layer = layer_of(divergence=divergence, distilled_fraction=0.25).train()
    exact = layer_of(divergence=divergence, distilled_fraction=1.0).train()
    exact.load_state_dict(layer.state_dict())
    drawn = torch.stack([layer(x_BSD)[1].losses["distillation"].value.detach() for _ in range(400)])
    expected = float(exact(x_BSD)[1].losses["distillation"].value.detach())
    assert float(drawn.std()) > 0
    assert abs(float(drawn.mean()) - expected) < 5 * float(drawn.std()) / 20


def test_one_token_is_enough():
    value = layer_of(distilled_fraction=0.01).train()(torch.randn(1, 1, 16, dtype=torch.float64))[1].losses
    assert float(value["distillation"].value.detach()) > 0
