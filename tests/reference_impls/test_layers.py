"""What each design's layer promises for any input."""

import inspect
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls import make_layer
from reference_impls.config import LayerConfig
from reference_impls.core.experts import ExpertBank
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import Router
from reference_impls.designs.deepseek_v3_router import router as deepseek_v3
from reference_impls.designs.deepseek_v3_router.config import DeepSeekV3Config
from reference_impls.designs.gshard_top2 import router as gshard
from reference_impls.designs.gshard_top2.config import GShardTop2Config
from reference_impls.designs.mixtral_top2_router import router as mixtral
from reference_impls.designs.mixtral_top2_router.config import MixtralTop2Config
from reference_impls.designs.switch_top1_router import router as switch
from reference_impls.designs.switch_top1_router.config import SwitchTop1Config

D = 8
sizes = {"B": st.integers(1, 4), "S": st.integers(1, 13), "E": st.integers(1, 6)}
shapes = sizes | {"seed": st.integers(0, 2**31)}


def switch_layer(n_experts: int, factor: float = 1.0, group: str = "sequence") -> MoELayer:
    layer = switch.make_layer(
        SwitchTop1Config(
            d_model=D, d_expert=12, n_experts=n_experts, routing_group=group, z_coefficient=0.1,
            capacity_factor_train=factor, capacity_factor_eval=factor,
        )
    )  # fmt: skip
    torch.nn.init.normal_(layer.router.weight_ED)
    return layer.eval()


def mixtral_layer(n_experts: int, k: int = 2) -> MoELayer:
    layer = mixtral.make_layer(
        MixtralTop2Config(d_model=D, d_expert=12, n_experts=n_experts, experts_per_token=min(k, n_experts))
    )
    torch.nn.init.normal_(layer.router.weight_ED)
    return layer.eval()


def gshard_layer(n_experts: int, factor: float = 1.0, group: str = "sequence", policy: str = "always") -> MoELayer:
    layer = gshard.make_layer(
        GShardTop2Config(
            d_model=D, d_expert=12, n_experts=n_experts, routing_group=group,
            capacity_factor_train=factor, capacity_factor_eval=factor, second_policy_eval=policy,
        )
    )  # fmt: skip
    torch.nn.init.normal_(layer.router.weight_ED)
    return layer.eval()


def deepseek_layer(n_experts: int) -> MoELayer:
    """Without groups, so that any number of experts will do; with groups, see its own tests."""
    layer = deepseek_v3.make_layer(
        DeepSeekV3Config(
            d_model=D, d_expert=12, n_experts=n_experts, experts_per_token=min(2, n_experts),
            n_groups=1, top_groups=1,
        )
    )  # fmt: skip
    torch.nn.init.normal_(layer.router.weight_ED)
    return layer.eval()


LAYERS = {
    "switch": switch_layer,
    "switch, batch": lambda n: switch_layer(n, group="batch"),
    "mixtral": mixtral_layer,
    "gshard": gshard_layer,
    "gshard, batch": lambda n: gshard_layer(n, group="batch"),
    "deepseek": deepseek_layer,
}
each_layer = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)


@settings(max_examples=60, deadline=None)
@given(
    factor=st.floats(0.1, 6),
    group=st.sampled_from(["sequence", "batch"]),
    policy=st.sampled_from(["always", "random"]),
    **shapes,
)
def test_gshard_never_exceeds_capacity_and_never_drops_a_first_choice_for_a_second(
    B, S, E, factor, group, policy, seed
):
    torch.manual_seed(seed)
    layer = gshard_layer(E, factor, group, policy)
    x_BSD = torch.randn(B, S, D)
    routing = layer(x_BSD)[1].routing
    groups, size = (B, S) if group == "sequence" else (1, B * S)
    capacity = math.ceil(factor * size / E - 1e-9)
    cells = (routing.token_A // size) * E + routing.expert_A
    assert int(torch.bincount(cells, minlength=groups * E).max()) <= capacity
    assert len(set(zip(routing.token_A.tolist(), routing.expert_A.tolist(), strict=True))) == len(routing.token_A)
    total_T = torch.zeros(B * S).index_add(0, routing.token_A, routing.weight_A)
    assert (total_T <= 1 + 1e-5).all()
    first_T = layer.router.logits(x_BSD.view(-1, D)).argmax(-1)
    wanted_GE = torch.bincount(torch.arange(B * S) // size * E + first_T, minlength=groups * E)
    is_first_A = routing.expert_A == first_T[routing.token_A]
    served_GE = torch.bincount(cells[is_first_A], minlength=groups * E)
    assert torch.equal(served_GE, wanted_GE.clamp(max=capacity))  # the second choices took no first one's place
    if policy == "always" and 2 * size <= capacity:
        torch.testing.assert_close(total_T, torch.ones(B * S))


def test_all_tokens_to_one_expert():
    """Every token equal: designs without capacity serve all of them, the others fill the experts and drop the rest."""
    x_BSD = torch.randn(1, 1, D).expand(2, 12, D)
    y_BSD, info = mixtral_layer(4)(x_BSD)
    torch.testing.assert_close(y_BSD, y_BSD[:1, :1].expand_as(y_BSD))
    assert sorted(info.routing.load_E.tolist()) == [0, 0, 24, 24]
    y_BSD, info = deepseek_layer(4)(x_BSD)
    torch.testing.assert_close(y_BSD, y_BSD[:1, :1].expand_as(y_BSD))
    assert sorted(info.routing.load_E.tolist()) == [0, 0, 24, 24]
    y_BSD, info = gshard_layer(4, factor=1.0)(x_BSD)
    assert sorted(info.routing.load_E.tolist()) == [0, 0, 24, 24]
    assert info.routing.n_dropped == 2 * 2 * (12 - 3)
    assert not y_BSD[:, 3:].any()
    y_BSD, info = switch_layer(4, factor=1.0)(x_BSD)
    assert sorted(info.routing.load_E.tolist()) == [0, 0, 0, 24]
    assert info.routing.n_dropped == 2 * (12 - 3)
    assert y_BSD[:, :3].any(-1).all()
    assert not y_BSD[:, 3:].any()


@settings(max_examples=30, deadline=None)
@given(**shapes)
def test_permuting_tokens_permutes_the_output_where_nothing_is_dropped(B, S, E, seed):
    torch.manual_seed(seed)
    x_BSD, order = torch.randn(B, S, D), torch.randperm(S)
    for layer in (mixtral_layer(E), switch_layer(E, factor=float(E)), gshard_layer(E, float(E)), deepseek_layer(E)):
        torch.testing.assert_close(layer(x_BSD[:, order])[0], layer(x_BSD)[0][:, order])


@each_layer
def test_permuting_experts_changes_nothing(make):
    layer = make(5)
    x_BSD = torch.randn(2, 9, D)
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
