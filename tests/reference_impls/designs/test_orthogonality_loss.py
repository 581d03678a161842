import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.designs.orthogonality_loss.config import OMoEConfig
from reference_impls.designs.orthogonality_loss.router import make_layer, orthonormalise


def layer_of(n_experts: int = 4, k: int = 2, **fields):
    config = OMoEConfig(d_model=16, d_expert=8, n_experts=n_experts, experts_per_token=k, **fields)
    return make_layer(config).double()


@settings(deadline=None, max_examples=25)
@given(T=st.integers(0, 5), K=st.integers(1, 4), D=st.integers(4, 9), seed=st.integers(0, 2**31))
def test_a_basis_spans_what_was_given(T: int, K: int, D: int, seed: int):
    x_TKD = torch.randn(T, K, D, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    basis_TKD = orthonormalise(x_TKD)
    projected_TKD = torch.einsum("tkd,tld,tle->tke", x_TKD, basis_TKD, basis_TKD)
    torch.testing.assert_close(projected_TKD, x_TKD, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (0, 4)])
@pytest.mark.parametrize("k", [1, 2, 4])
def test_gram_schmidt_layers_stand_any_batch(shape: tuple[int, int], k: int):
    layer = layer_of(k=k, orthogonality="gram-schmidt")
    for x_BSD in (torch.randn(*shape, 16, dtype=torch.float64), torch.zeros(*shape, 16, dtype=torch.float64)):
        leaf = x_BSD.requires_grad_()
        y_BSD, info = layer(leaf)
        y_BSD.sum().backward()
        assert y_BSD.shape == x_BSD.shape
        assert bool(leaf.grad.isfinite().all())
        assert set(info.losses) == {"load_balance"}


def test_the_length_of_a_gram_schmidt_output_is_that_of_its_weights():
    layer = layer_of(orthogonality="gram-schmidt")
    y_BSD, info = layer(torch.randn(1, 30, 16, dtype=torch.float64))
    weight_TK = info.routing.weight_A.view(30, 2)
    torch.testing.assert_close(y_BSD[0].norm(dim=-1), layer.scale * weight_TK.norm(dim=-1))
