import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.core.routing import Progress
from reference_impls.designs.skywork_router.config import SkyworkConfig
from reference_impls.designs.skywork_router.router import make_layer


def layer_of(**fields):
    layer = make_layer(SkyworkConfig(d_model=8, d_expert=8, **fields))
    torch.nn.init.normal_(layer.router.weight_ED)
    return layer


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**31), E=st.integers(1, 6), S=st.integers(1, 13), factor=st.floats(0.3, 4.0),
    group=st.sampled_from(["sequence", "batch"]),
)  # fmt: skip
def test_no_expert_takes_more_than_its_capacity(seed, E, S, factor, group):
    torch.manual_seed(seed)
    layer = layer_of(
        n_experts=E, experts_per_token=min(2, E), capacity_factor_train=factor, routing_group=group
    ).train()
    routing = layer(torch.randn(3, S, 8))[1].routing
    tokens = S if group == "sequence" else 3 * S
    group_A = routing.token_A // tokens
    taken = torch.bincount(group_A * E + routing.expert_A, minlength=1).max() if len(group_A) else 0
    assert taken <= -(-tokens * factor // E)


def test_a_layer_without_drops_lets_go_of_balance():
    layer = layer_of(capacity_factor_train=256.0)
    for step in range(400):
        layer.on_step(layer(torch.randn(1, 4, 8))[1], Progress(step + 1, 400))
    assert 0 < float(layer.router.coefficient) < 0.01 * 0.02


def test_the_coefficient_is_part_of_a_checkpoint():
    layer, fresh = layer_of(capacity_factor_train=0.5), layer_of()
    layer.on_step(layer(torch.randn(2, 8, 8))[1], Progress(1, 2))
    fresh.load_state_dict(layer.state_dict())
    assert fresh(torch.randn(1, 4, 8))[1].losses["load_balance"].coefficient == float(layer.router.coefficient)


def test_sharper_with_a_larger_scale():
    x_BSD, entropies = torch.randn(2, 10, 8), []
    for scale in (0.5, 1.0, 2.0):
        torch.manual_seed(0)
        entropies.append(float(layer_of(logit_scale=scale)(x_BSD)[1].routing.entropy))
    assert entropies == sorted(entropies, reverse=True)
