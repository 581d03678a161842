import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls import make_layer
from reference_impls.core.routing import Progress


def _layer(**fields):
    layer = make_layer("maxscore-routing", d_model=8, d_expert=4, n_experts=4, **fields)
    torch.nn.init.normal_(layer.router.weight_ED)
    return layer


@settings(max_examples=20, deadline=None)
@given(length=st.integers(1, 17), k=st.integers(1, 4), training=st.booleans())
def test_loads_are_even_in_every_sequence_in_training_and_outside(length, k, training):
    routing = _layer(experts_per_token=k).train(training)(torch.randn(3, length, 8))[1].routing
    cell_A = routing.token_A // length * 4 + routing.expert_A
    assert torch.bincount(cell_A).max() <= -(-k * length // 4)
    assert len(set(zip(routing.token_A.tolist(), routing.expert_A.tolist(), strict=True))) == 3 * length * k


def test_the_factor_of_second_weights_falls_to_one_and_stays():
    layer, x_BSD = _layer(second_weight_start=4.0, second_weight_steps=3), torch.randn(1, 8, 8)
    seen = []
    for step in range(1, 6):
        _, info = layer(x_BSD)
        seen.append(info.stats["second_factor"])
        layer.on_step(info, Progress(step, 5))
    assert seen == pytest.approx([4, 3, 2, 1, 1])
    weight_TK = layer(x_BSD)[1].routing.weight_A.view(8, 2)
    assert (weight_TK[:, 0] >= weight_TK[:, 1]).all()


def test_with_room_for_all_every_token_keeps_its_best():
    layer = make_layer("maxscore-routing", d_model=8, d_expert=4, n_experts=2, experts_per_token=2)
    assert layer(torch.randn(2, 5, 8))[1].stats["kept_fraction"] == 1.0


def test_places_move_assignments_of_a_lopsided_router():
    layer = _layer(experts_per_token=1)
    x_BSD = torch.randn(1, 1, 8).expand(1, 8, 8)
    assert layer(x_BSD)[1].stats["kept_fraction"] == 0.25
