import torch

from reference_impls import make_layer
from reference_impls.core.routing import Progress


def _layer(**fields):
    return make_layer("frozen-random-router", d_model=16, d_expert=8, n_experts=8, **fields)


def test_the_number_of_experts_rises_in_training_and_is_the_last_one_outside():
    layer, x_BSD = _layer(first_experts_per_token=1, experts_per_token=8), torch.randn(1, 4, 16)
    seen = []
    for step in range(8):
        info = layer(x_BSD)[1]
        seen.append(len(info.routing.token_A) // 4)
        layer.on_step(info, Progress(step + 1, 8))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (1, 7)
    assert len(layer.eval()(x_BSD)[1].routing.token_A) == 4 * 8
