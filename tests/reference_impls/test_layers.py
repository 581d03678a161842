"""What each design's layer promises for any input."""

import inspect
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls import make_layer
from reference_impls.catalogue import find
from reference_impls.config import LayerConfig
from reference_impls.core.experts import ExpertBank
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import Router
from reference_impls.verify.properties import small_layer

D = 16
shapes = {"B": st.integers(1, 4), "S": st.integers(1, 13), "E": st.integers(1, 6), "seed": st.integers(0, 2**31)}


def layer_of(key: str, n_experts: int, factor: float = 1.0, **fields: object) -> MoELayer:
    if "capacity_factor_eval" in find(key).layer_class.model_fields:
        fields = {"capacity_factor_eval": factor} | fields
    return small_layer(find(key), n_experts, **fields)


LAYERS = {
    "switch": ("switch-top1-router", {}),
    "switch, batch": ("switch-top1-router", {"routing_group": "batch"}),
    "mixtral": ("mixtral-top2-router", {}),
    "gshard": ("gshard-top2", {}),
    "gshard, batch": ("gshard-top2", {"routing_group": "batch"}),
    "deepseek": ("deepseek-v3-router", {}),
}


@settings(max_examples=60, deadline=None)
@given(
    factor=st.floats(0.1, 6),
    group=st.sampled_from(["sequence", "batch"]),
    policy=st.sampled_from(["always", "random"]),
    **shapes,
)
def test_gshard_drops_no_first_choice_for_a_second(B, S, E, factor, group, policy, seed):
    layer = layer_of("gshard-top2", E, factor, routing_group=group, second_policy_eval=policy, seed=seed)
    x_BSD = torch.randn(B, S, D, dtype=torch.float64)
    routing = layer(x_BSD)[1].routing
    groups, size = (B, S) if group == "sequence" else (1, B * S)
    capacity = math.ceil(factor * size / E - 1e-9)
    total_T = torch.zeros(B * S, dtype=torch.float64).index_add(0, routing.token_A, routing.weight_A)
    assert (total_T <= 1 + 1e-5).all()
    first_T = layer.router.logits(x_BSD.view(-1, D)).argmax(-1)
    wanted_GE = torch.bincount(torch.arange(B * S) // size * E + first_T, minlength=groups * E)
    first_A = routing.expert_A == first_T[routing.token_A]
    served_GE = torch.bincount((routing.token_A // size * E + routing.expert_A)[first_A], minlength=groups * E)
    assert torch.equal(served_GE, wanted_GE.clamp(max=capacity))
    if policy == "always" and 2 * size <= capacity:
        torch.testing.assert_close(total_T, torch.ones_like(total_T))


def test_all_tokens_to_one_expert():
    """Every token equal: designs without capacity serve all of them, the others fill the experts and drop the rest."""
    x_BSD = torch.randn(1, 1, D, dtype=torch.float64).expand(2, 12, D)
    y_BSD, info = layer_of("mixtral-top2-router", 4)(x_BSD)
    torch.testing.assert_close(y_BSD, y_BSD[:1, :1].expand_as(y_BSD))
    assert sorted(info.routing.load_E.tolist()) == [0, 0, 24, 24]
    y_BSD, info = layer_of("deepseek-v3-router", 4)(x_BSD)
    torch.testing.assert_close(y_BSD, y_BSD[:1, :1].expand_as(y_BSD))
    assert sorted(info.routing.load_E.tolist()) == [0, 0, 24, 24]
    y_BSD, info = layer_of("gshard-top2", 4)(x_BSD)
    assert sorted(info.routing.load_E.tolist()) == [0, 0, 24, 24]
    assert info.routing.n_dropped == 2 * 2 * (12 - 3)
    assert not y_BSD[:, 3:].any()
    y_BSD, info = layer_of("switch-top1-router", 4)(x_BSD)
    assert sorted(info.routing.load_E.tolist()) == [0, 0, 0, 24]
    assert info.routing.n_dropped == 2 * (12 - 3)
    assert y_BSD[:, :3].any(-1).all()
    assert not y_BSD[:, 3:].any()


@settings(max_examples=30, deadline=None)
@given(**shapes)
def test_permuting_tokens_permutes_the_output_where_nothing_is_dropped(B, S, E, seed):
    torch.manual_seed(seed)
    x_BSD, order = torch.randn(B, S, D, dtype=torch.float64), torch.randperm(S)
    for key in ("mixtral-top2-router", "switch-top1-router", "gshard-top2", "deepseek-v3-router"):
        layer = layer_of(key, E, factor=float(E))
        torch.testing.assert_close(layer(x_BSD[:, order])[0], layer(x_BSD)[0][:, order])


@pytest.mark.parametrize(("key", "fields"), LAYERS.values(), ids=LAYERS)
def test_permuting_experts_changes_nothing(key, fields):
    layer, x_BSD = layer_of(key, 5, **fields), torch.randn(2, 9, D, dtype=torch.float64)
    before = layer(x_BSD)[0]
    order = torch.randperm(5)
    with torch.no_grad():
        for weight in (layer.router.weight_ED, *layer.experts.parameters()):
            weight.copy_(weight[order])
    torch.testing.assert_close(layer(x_BSD)[0], before)


@pytest.mark.parametrize("base", [Router, ExpertBank, LayerConfig])
def test_what_a_design_must_say_is_asked_for_at_once(base: type) -> None:
    """A design that leaves out its own part fails where it is made, not in the middle of a run."""
    assert inspect.isabstract(base)
    with pytest.raises(TypeError, match="abstract"):
        base()


@pytest.mark.parametrize(
    ("key", "fields", "scale_in", "scale_out"),
    [
        ("mixtral-top2-router", {"n_layers": 4}, 1.0, 1 / 8),
        ("switch-top1-router", {"initial_scale": 0.1}, 0.1, 0.1),
        ("st-moe-router", {"initial_scale": 0.1}, 0.1, 0.1),
    ],
)
def test_initial_experts_have_the_stated_variance(key, fields, scale_in, scale_out):
    experts = make_layer(key, d_model=256, d_expert=512, n_experts=4, **fields).experts
    for weight, scale in ((experts.w_in_EID.detach(), scale_in), (experts.w_out_EDF.detach(), scale_out)):
        std = (scale / weight.shape[-1]) ** 0.5
        assert float(weight.abs().max()) <= 2 * std + 1e-6
        assert float(weight.std()) == pytest.approx(0.88 * std, rel=0.02)  # cut at two deviations


def test_devices_per_token_are_counted():
    layer = make_layer("deepseek-v2-router", d_model=16, d_expert=8, n_experts=8, experts_per_token=2, top_devices=1)
    torch.nn.init.normal_(layer.router.weight_ED)
    assert layer.eval()(torch.randn(2, 9, 16))[1].stats["devices_per_token"] == 1


def test_jitter_multiplies_within_its_range():
    noisy_TD = make_layer("switch-top1-router", d_model=32, jitter=0.3).router._jittered(torch.ones(200, 32))
    assert 0.7 <= float(noisy_TD.min()) < 0.75
    assert 1.25 < float(noisy_TD.max()) <= 1.3
