import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.designs.similarity_preserving_balance.config import SimBalConfig
from reference_impls.designs.similarity_preserving_balance.router import make_layer, orthonormality_loss


@settings(deadline=None, max_examples=25)
@given(D=st.integers(1, 6), E=st.integers(1, 12), seed=st.integers(0, 2**31))
def test_the_loss_is_least_for_orthonormal_rows(D: int, E: int, seed: int):
    generator = torch.Generator().manual_seed(seed)
    weight_ED = torch.randn(E, D, dtype=torch.float64, generator=generator)
    loss = float(orthonormality_loss(weight_ED))
    # The Gram matrix of E rows in D dimensions has rank D at most: E - D eigenvalues of the difference are -1.
    assert loss >= max(E - D, 0) - 1e-9
    if E <= D:
        orthonormal_ED = torch.linalg.qr(weight_ED.T).Q.T
        assert float(orthonormality_loss(orthonormal_ED)) < 1e-9


def test_the_loss_does_not_depend_on_the_tokens():
    layer = make_layer(SimBalConfig(d_model=16, d_expert=8))
    few, many = layer(torch.randn(1, 2, 16))[1], layer(torch.randn(4, 9, 16))[1]
    assert torch.equal(few.losses["orthonormality"].value, many.losses["orthonormality"].value)
    assert few.losses["orthonormality"].coefficient == 0.1


def test_a_narrow_router_has_its_loss_in_float32():
    layer = make_layer(SimBalConfig(d_model=16, d_expert=8)).bfloat16()
    assert orthonormality_loss(layer.router.weight_ED).dtype == torch.float32
