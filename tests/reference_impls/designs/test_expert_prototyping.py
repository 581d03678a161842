import math

import pytest
import torch

from reference_impls.designs.expert_prototyping.config import M6TConfig
from reference_impls.designs.expert_prototyping.router import make_layer

D = 8


def layer_of(n_prototypes: int, size: int, **fields):
    config = M6TConfig(d_model=D, d_expert=6, n_experts=n_prototypes * size, n_prototypes=n_prototypes, **fields)
    layer = make_layer(config)
    torch.nn.init.normal_(layer.router.weight_ED)
    return layer


def test_prototypes_do_not_touch_each_other():
    """Other router weights in one prototype leave the other's choices, weights and drops as they were."""
    layer = layer_of(2, 3, capacity_factor_eval=0.7).eval()
    x_BSD = torch.randn(2, 9, D)

    def of_the_first(routing):
        keep_A = routing.expert_A < 3
        return routing.token_A[keep_A], routing.expert_A[keep_A], routing.weight_A[keep_A]

    before = of_the_first(layer(x_BSD)[1].routing)
    with torch.no_grad():
        layer.router.weight_ED[3:].normal_()
    for one, other in zip(before, of_the_first(layer(x_BSD)[1].routing), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_entropy_lies_between_that_of_certainty_and_that_of_no_opinion():
    layer = layer_of(2, 4).eval()
    x_BSD = torch.randn(2, 9, D)
    with torch.no_grad():
        layer.router.weight_ED.zero_()
        assert float(layer(x_BSD)[1].routing.entropy) == pytest.approx(math.log(8), abs=1e-5)
        layer.router.weight_ED.normal_(std=1e4)
        assert float(layer(x_BSD)[1].routing.entropy) == pytest.approx(math.log(2), abs=1e-2)
