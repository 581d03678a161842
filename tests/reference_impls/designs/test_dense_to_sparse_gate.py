import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.core.routing import Progress
from reference_impls.designs.dense_to_sparse_gate.config import DTSGateConfig
from reference_impls.designs.dense_to_sparse_gate.router import make_layer


def _layer(**fields):
    torch.manual_seed(0)
    return make_layer(DTSGateConfig(d_model=8, d_expert=8, **fields))


def test_the_temperature_falls_from_start_to_end_along_half_a_cosine():
    layer = _layer(temperature_start=3.0, temperature_end=1.0).train()
    _, info = layer(torch.randn(1, 4, 8))
    seen = [float(layer.router.temperature)]
    for step in range(1, 11):
        layer.on_step(info, Progress(step, 10))
        seen.append(float(layer.router.temperature))
    assert seen[0] == 3.0
    assert seen[5] == pytest.approx(2.0)
    assert seen[-1] == pytest.approx(1.0)
    assert seen == sorted(seen, reverse=True)


def test_training_goes_from_dense_to_sparse():
    layer, x_BSD = _layer().train(), torch.randn(1, 200, 8)
    counts = []
    for temperature in (20.0, 2.0, 0.5, 0.02):
        layer.router.temperature.fill_(temperature)
        torch.manual_seed(0)
        counts.append(layer(x_BSD)[1].stats["experts_per_token"])
    assert counts[0] == 8
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] < 1.2


@settings(deadline=None)
@given(st.floats(0, 0.99), st.floats(0.05, 20), st.integers(1, 6))
def test_every_token_keeps_an_expert_and_all_above_the_threshold(threshold, temperature, n_experts):
    layer = _layer(threshold=threshold, n_experts=n_experts).train()
    layer.router.temperature.fill_(temperature)
    routing = layer(torch.randn(1, 20, 8))[1].routing
    count_T = torch.bincount(routing.token_A, minlength=20)
    assert int(count_T.min()) >= 1
    assert bool((routing.weight_A[count_T[routing.token_A] > 1] > threshold - 1e-6).all())


def test_evaluation_takes_one_expert_and_no_chance():
    layer, x_BSD = _layer().eval(), torch.randn(2, 9, 8)
    first, info = layer(x_BSD)
    assert info.stats["experts_per_token"] == 1
    torch.testing.assert_close(layer(x_BSD)[0], first, rtol=0, atol=0)
