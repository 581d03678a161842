import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.designs.expert_prototyping.config import M6TConfig
from reference_impls.designs.expert_prototyping.router import make_layer

D = 8


def layer_of(n_prototypes: int, size: int, **fields):
    config = M6TConfig(d_model=D, d_expert=6, n_experts=n_prototypes * size, n_prototypes=n_prototypes, **fields)
    layer = make_layer(config)
    torch.nn.init.normal_(layer.router.weight_ED)
    return layer


@settings(max_examples=50, deadline=None)
@given(
    Z=st.integers(1, 4), F=st.integers(1, 4), B=st.integers(1, 3), S=st.integers(1, 10), factor=st.floats(0.1, 4),
    group=st.sampled_from(["sequence", "batch"]), seed=st.integers(0, 2**31),
)  # fmt: skip
def test_each_prototype_sees_each_token_once_and_no_expert_exceeds_its_capacity(Z, F, B, S, factor, group, seed):
    torch.manual_seed(seed)
    layer = layer_of(Z, F, capacity_factor_train=factor, routing_group=group).train()
    routing = layer(torch.randn(B, S, D))[1].routing
    assert routing.load_E.view(Z, F).sum(1).tolist() == [B * S] * Z
    size = S if group == "sequence" else B * S
    cell_A = routing.token_A // size * (Z * F) + routing.expert_A
    assert int(torch.bincount(cell_A).max()) <= math.ceil(factor * size / F - 1e-9)
    pairs = set(zip(routing.token_A.tolist(), (routing.expert_A // F).tolist(), strict=True))
    assert len(pairs) == len(routing.token_A)
    assert ((routing.weight_A >= 1 / F - 1e-6) & (routing.weight_A <= 1 + 1e-6)).all()


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
