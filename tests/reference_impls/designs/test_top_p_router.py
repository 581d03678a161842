from itertools import pairwise

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.designs.top_p_router.config import TopPConfig
from reference_impls.designs.top_p_router.router import make_layer, top_p_mask


@settings(deadline=None)
@given(st.integers(1, 12), st.floats(0.01, 0.99), st.floats(0, 20), st.integers(0, 2**16))
def test_no_token_takes_more_than_the_config_says(n_experts, threshold, sharpness, seed):
    logit_TE = sharpness * torch.randn(30, n_experts, generator=torch.Generator().manual_seed(seed))
    kept_TE = top_p_mask(logit_TE.double().softmax(-1), threshold)
    config = TopPConfig(n_experts=n_experts, threshold=threshold)
    assert int(kept_TE.sum(-1).min()) >= 1
    assert int(kept_TE.sum(-1).max()) <= config.active_experts


@settings(deadline=None)
@given(st.lists(st.floats(0.01, 0.99), min_size=2, max_size=5), st.integers(0, 2**16))
def test_a_higher_threshold_keeps_what_a_lower_one_keeps(thresholds, seed):
    probability_TE = torch.randn(20, 6, generator=torch.Generator().manual_seed(seed)).softmax(-1)
    masks = [top_p_mask(probability_TE, threshold) for threshold in sorted(thresholds)]
    for fewer, more in pairwise(masks):
        assert not bool((fewer & ~more).any())


def test_an_undecided_token_takes_many_and_a_sure_one_takes_one():
    kept_TE = top_p_mask(torch.tensor([[0.25, 0.25, 0.25, 0.25], [0.01, 0.97, 0.01, 0.01]]), 0.6)
    assert kept_TE.sum(-1).tolist() == [3, 1]


def test_the_dynamic_loss_sharpens_the_router():
    layer = make_layer(TopPConfig(d_model=8, d_expert=8))
    x_BSD = torch.randn(2, 32, 8)
    before = float(layer(x_BSD)[1].losses["dynamic"].value.detach())
    optimiser = torch.optim.SGD(layer.router.parameters(), lr=1.0)
    for _ in range(20):
        optimiser.zero_grad()
        layer(x_BSD)[1].losses["dynamic"].value.backward()
        optimiser.step()
    info = layer(x_BSD)[1]
    assert float(info.losses["dynamic"].value.detach()) < before - 0.1
    assert info.stats["experts_per_token"] < 4
