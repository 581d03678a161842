import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.core.routing import Progress
from reference_impls.designs.dynmoe_top_any.config import DynMoEConfig
from reference_impls.designs.dynmoe_top_any.router import make_layer


def _layer(**fields):
    torch.manual_seed(0)
    return make_layer(DynMoEConfig(d_model=8, d_expert=8, **fields)).train()


def test_an_expert_that_no_token_uses_is_removed_and_its_place_taken_later():
    layer = _layer(adapt_every=1, adapt_until=1.0)
    layer.router.threshold_E.data[:] = -9.0
    layer.router.threshold_E.data[1] = 9.0
    _, info = layer(torch.randn(1, 30, 8))
    layer.on_step(info, Progress(1, 10))
    assert layer.router.alive_E.tolist() == [True, False, True, True] + 4 * [False]
    layer.router.threshold_E.data[:] = 9.0
    x_BSD = torch.randn(1, 30, 8)
    layer.router.used_E[:] = True
    _, info = layer(x_BSD)
    layer.on_step(info, Progress(2, 10))
    assert layer.router.alive_E.tolist() == 4 * [True] + 4 * [False]
    torch.testing.assert_close(layer.router.weight_ED[1], torch.nn.functional.normalize(x_BSD[0].sum(0), dim=0))
    assert layer.router.threshold_E[1].item() == 0


def test_nothing_changes_between_adaptations_nor_after_the_last():
    layer = _layer(adapt_every=5, adapt_until=0.5)
    layer.router.threshold_E.data[:] = torch.tensor([9.0, -9.0] * 4)
    changed = []
    for step in range(1, 21):
        before = layer.router.alive_E.clone()
        layer.on_step(layer(torch.randn(1, 10, 8))[1], Progress(step, 20))
        if bool((layer.router.alive_E != before).any()):
            changed.append(step)
    assert changed == [5]


def test_experts_are_not_all_removed():
    layer = _layer(adapt_every=1, adapt_until=1.0)
    _, info = layer(torch.randn(0, 5, 8))
    layer.on_step(info, Progress(1, 10))
    assert int(layer.router.alive_E.sum()) == 4


@settings(deadline=None)
@given(st.floats(-2, 2), st.integers(1, 8), st.integers(0, 2**16))
def test_experts_out_of_use_get_no_token_and_every_token_has_one_in_evaluation(threshold, alive, seed):
    layer = _layer(initial_experts=alive)
    layer.router.threshold_E.data[:] = threshold
    x_BSD = torch.randn(1, 20, 8, generator=torch.Generator().manual_seed(seed))
    for training in (True, False):
        routing = layer.train(training)(x_BSD)[1].routing
        assert not routing.load_E[alive:].any()
    assert torch.bincount(routing.token_A, minlength=20).min() >= 1
    torch.testing.assert_close(routing.share_TE().sum(-1), torch.ones(20))


def test_half_of_all_directions_pass_at_first():
    layer = _layer(n_experts=8, initial_experts=8)
    _, info = layer(torch.randn(1, 4000, 8))
    assert info.stats["experts_per_token"] == pytest.approx(4, abs=0.2)
    assert DynMoEConfig(initial_experts=8).active_experts == 4


def test_training_leaves_evaluation_records_alone():
    layer = _layer().eval()
    layer.router.threshold_E.data[:] = 9.0
    layer(torch.randn(1, 20, 8))
    assert not layer.router.unserved_D.any()
