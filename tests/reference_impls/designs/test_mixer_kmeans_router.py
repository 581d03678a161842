from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls import make_layer
from reference_impls.core.kmeans import lloyd, nearest, spread_start


def _layer(**fields):
    return make_layer("mixer-kmeans-router", d_model=8, d_expert=4, n_experts=4, **fields)


@settings(max_examples=30, deadline=None)
@given(T=st.integers(1, 20), E=st.integers(1, 6), seed=st.integers(0, 1000))
def test_a_start_takes_different_tokens_while_there_are_any(T, E, seed):
    torch.manual_seed(seed)
    x_TD = torch.randn(T, 3)
    start_ED = spread_start(x_TD, E)
    assert (start_ED[:, None] == x_TD).all(-1).any(-1).all()
    assert len(start_ED.unique(dim=0)) == min(T, E)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000))
def test_no_step_of_kmeans_makes_the_sum_of_squares_larger(seed):
    torch.manual_seed(seed)
    x_TD, centre_ED = torch.randn(30, 3, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)
    sums = []
    for _ in range(6):
        sums.append(float((x_TD - centre_ED[nearest(x_TD, centre_ED)]).square().sum()))
        centre_ED = lloyd(x_TD, centre_ED, 1)
    assert all(after <= before + 1e-12 for before, after in pairwise(sums))


def test_training_fits_and_evaluation_leaves_all_as_it_is():
    layer, x_BSD = _layer(), torch.randn(2, 32, 8)
    fresh = {name: value.clone() for name, value in layer.router.state_dict().items()}
    layer(x_BSD)
    fitted = {name: value.clone() for name, value in layer.router.state_dict().items()}
    assert all((fresh[name] != fitted[name]).any() for name in fresh)
    layer.eval()
    layer(torch.randn(2, 32, 8))
    assert all((layer.router.state_dict()[name] == fitted[name]).all() for name in fresh)


def test_a_fresh_gate_is_the_nearest_prototype():
    layer = _layer().eval()
    assert layer(torch.randn(2, 32, 8))[1].stats["gate_agreement"] == 1.0


def test_prototypes_go_on_from_where_the_last_batch_left_them():
    layer = _layer(gate="nearest")
    x_BSD = 10 * torch.eye(4, 8).repeat_interleave(8, 0)[None] + torch.randn(1, 32, 8)
    first = layer(x_BSD)[1].routing.expert_A
    for _ in range(5):
        again = layer(x_BSD + 0.1 * torch.randn_like(x_BSD))[1].routing.expert_A
        assert (again == first).all()  # an expert keeps its cluster


@pytest.mark.parametrize("x_BSD", [torch.zeros(1, 5, 8), torch.ones(1, 1, 8), torch.randn(1, 3, 8)])
def test_fewer_clusters_than_experts_are_no_failure(x_BSD):
    layer = _layer()
    for _ in range(2):
        y_BSD, info = layer(x_BSD)
        assert y_BSD.isfinite().all()
        assert info.stats["unexplained_variance"] == pytest.approx(0, abs=1e-6)
