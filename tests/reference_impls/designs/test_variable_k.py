"""Designs in which the number of experts varies from token to token, or in training."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls import make_layer
from reference_impls.catalogue import find
from reference_impls.core.losses import token_information_loss
from reference_impls.core.routing import DenseRouting, Progress, RoutingContext, SparseRouting
from reference_impls.designs.dynmoe_top_any.config import DynMoEConfig
from reference_impls.designs.input_dependent_k.config import InputDependentKConfig
from reference_impls.designs.input_dependent_k.router import InputDependentKRouter
from reference_impls.designs.top_p_router.config import TopPConfig
from reference_impls.designs.top_p_router.router import top_p_mask
from reference_impls.tasks.clusters import ClustersTask
from reference_impls.tasks.language import TextTask


def test_the_loss_pulls_the_average_use_of_null_experts_towards_an_even_share():
    torch.manual_seed(0)
    layer = make_layer("adamoe-null-experts", d_model=16, d_expert=8, n_experts=4, null_experts=4, choices_per_token=4)
    with torch.no_grad():
        layer.router.weight_ED.normal_()
        layer.router.weight_ED[:4, 0] += 8  # tokens of positive first coordinate would use true experts only
    x_BSD = torch.randn(8, 32, 16)
    x_BSD[..., 0] = x_BSD[..., 0].abs()
    before = layer(x_BSD)[1].stats["true_experts"]
    optimiser = torch.optim.Adam(layer.router.parameters(), lr=0.1)
    for _ in range(200):
        optimiser.zero_grad()
        layer(x_BSD)[1].losses["load_balance"].value.backward()
        optimiser.step()
    after = layer(x_BSD)[1].stats
    assert before > 2.7
    assert after["true_experts"] == pytest.approx(2, abs=0.3)
    assert after["true_experts_deviation"] > 0.2  # on average, not for each token


def test_a_token_of_zero_experts_alone_is_its_own_output_but_for_a_factor():
    layer = make_layer("zero-expert-router", d_model=8, d_expert=8)
    layer.router.bias_E[:8] = -10
    x_BSD = torch.randn(2, 7, 8)
    y_BSD, info = layer(x_BSD)
    assert info.stats["true_experts"] == 0
    assert torch.allclose(y_BSD, info.routing.identity_T.view(2, 7, 1) * x_BSD)


def dynmoe_layer(**fields):
    torch.manual_seed(0)
    return make_layer("dynmoe-top-any", d_model=8, d_expert=8, **fields).train()


def test_an_expert_that_no_token_uses_is_removed_and_its_place_taken_later():
    layer = dynmoe_layer(adapt_every=1, adapt_until=1.0)
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
    layer = dynmoe_layer(adapt_every=5, adapt_until=0.5)
    layer.router.threshold_E.data[:] = torch.tensor([9.0, -9.0] * 4)
    changed = []
    for step in range(1, 21):
        before = layer.router.alive_E.clone()
        layer.on_step(layer(torch.randn(1, 10, 8))[1], Progress(step, 20))
        if bool((layer.router.alive_E != before).any()):
            changed.append(step)
    assert changed == [5]


def test_experts_are_not_all_removed():
    layer = dynmoe_layer(adapt_every=1, adapt_until=1.0)
    _, info = layer(torch.randn(0, 5, 8))
    layer.on_step(info, Progress(1, 10))
    assert int(layer.router.alive_E.sum()) == 4


def test_half_of_all_directions_pass_at_first():
    layer = dynmoe_layer(n_experts=8, initial_experts=8)
    _, info = layer(torch.randn(1, 4000, 8))
    assert info.stats["experts_per_token"] == pytest.approx(4, abs=0.2)
    assert DynMoEConfig(initial_experts=8).active_experts == 4


def test_training_leaves_evaluation_records_alone():
    layer = dynmoe_layer().eval()
    layer.router.threshold_E.data[:] = 9.0
    layer(torch.randn(1, 20, 8))
    assert not layer.router.unserved_D.any()


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


def _numbers(x_TD: torch.Tensor, **fields) -> torch.Tensor:
    config = InputDependentKConfig(d_model=8, **fields)
    torch.manual_seed(0)
    router = InputDependentKRouter(config)
    torch.nn.init.normal_(router.weight_ED)
    routing = router(x_TD, RoutingContext.of_sequences(torch.zeros(len(x_TD), dtype=torch.int64), 1))
    return torch.bincount(routing.token_A, minlength=len(x_TD))


@settings(deadline=None)
@given(st.sampled_from(["entropy", "norm"]), st.floats(0.1, 10), st.floats(1, 10), st.integers(0, 2**16))
def test_the_number_of_experts_grows_with_the_scale_and_keeps_its_bounds(complexity, scale, factor, seed):
    x_TD = torch.randn(20, 8, generator=torch.Generator().manual_seed(seed))
    fewer = _numbers(x_TD, complexity=complexity, scale=scale, most_experts=5)
    more = _numbers(x_TD, complexity=complexity, scale=scale * factor, most_experts=5)
    assert bool((fewer <= more).all())
    assert int(fewer.min()) >= 1
    assert int(more.max()) <= 5


def test_longer_tokens_take_more_experts_by_norm():
    x_TD = torch.ones(4, 8) * torch.tensor([0.4, 1.5, 2.5, 9.0])[:, None]
    assert _numbers(x_TD, complexity="norm", scale=1.0, most_experts=4).tolist() == [1, 1, 2, 4]


SMALL = {"d_model": 8, "d_expert": 8}


@settings(deadline=None)
@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 2**16))
def test_the_penalty_moves_against_the_number_of_experts(n_experts, k, seed):
    layer = make_layer("relu-router", n_experts=n_experts, experts_per_token=min(k, n_experts), **SMALL).train()
    torch.nn.init.normal_(layer.router.weight_ED, generator=torch.Generator().manual_seed(seed))
    _, info = layer(torch.randn(1, 20, 8, generator=torch.Generator().manual_seed(seed)))
    before, mean = float(layer.router.penalty), info.stats["experts_per_token"]
    layer.on_step(info, Progress(1, 10))
    if mean > min(k, n_experts) + 1e-9:
        assert float(layer.router.penalty) == pytest.approx(1.2 * before)
    elif mean < min(k, n_experts) - 1e-9:
        assert float(layer.router.penalty) == pytest.approx(before / 1.2)


def test_training_steers_to_the_wanted_number_of_experts():
    torch.manual_seed(0)
    layer = make_layer("relu-router", n_experts=8, experts_per_token=2, initial_penalty=1e-3, **SMALL).train()
    target_SD = torch.randn(64, 8)
    x_BSD = 1 + torch.randn(1, 64, 8)
    optimiser = torch.optim.Adam(layer.parameters(), lr=1e-2)
    counts = []
    for step in range(300):
        y_BSD, info = layer(x_BSD)
        optimiser.zero_grad()
        loss = (y_BSD[0] - target_SD).square().mean()
        (loss + info.losses["sparsity"].coefficient * info.losses["sparsity"].value).backward()
        optimiser.step()
        layer.on_step(info, Progress(step, 300))
        counts.append(info.stats["experts_per_token"])
    assert counts[0] > 3
    assert sum(counts[-100:]) / 100 == pytest.approx(2, abs=0.4)


def test_all_layers_steer_by_the_sparsity_of_all(tiny_config):
    entry = find("relu-router")
    task = TextTask(entry, tiny_config(entry, n_experts=4))
    routers = [block.feed_forward.router for block in task.model.blocks]
    routers[0].weight_ED.data.zero_()
    batch = task.training_batch(torch.Generator().manual_seed(0))
    outcome = task.evaluate(batch)
    own = [1 - info.stats["experts_per_token"] / 4 for info in outcome.infos.values()]
    assert own[0] != own[1]
    for router in routers:
        assert float(router.sparsity) == pytest.approx(sum(own) / 2)


def test_evaluation_leaves_the_steering_alone():
    task = ClustersTask(find("relu-router"), find("relu-router").config_class(task="clusters"))
    task.model.eval()
    before = float(task.model.layer.router.sparsity)
    task.evaluate(task.validation_batches[0])
    assert float(task.model.layer.router.sparsity) == before


def dts_layer(**fields):
    torch.manual_seed(0)
    return make_layer("dense-to-sparse-gate", d_model=8, d_expert=8, **fields)


def test_the_temperature_falls_from_start_to_end_along_half_a_cosine():
    layer = dts_layer(temperature_start=3.0, temperature_end=1.0).train()
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
    layer, x_BSD = dts_layer().train(), torch.randn(1, 200, 8)
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
    layer = dts_layer(threshold=threshold, n_experts=n_experts).train()
    layer.router.temperature.fill_(temperature)
    routing = layer(torch.randn(1, 20, 8))[1].routing
    count_T = torch.bincount(routing.token_A, minlength=20)
    assert int(count_T.min()) >= 1
    assert bool((routing.weight_A[count_T[routing.token_A] > 1] > threshold - 1e-6).all())


def test_decided_and_even_routing_has_the_least_loss():
    even = torch.eye(4, dtype=torch.float64).repeat(3, 1)
    torch.testing.assert_close(token_information_loss(even), torch.tensor(-math.log(4), dtype=torch.float64))
    collapsed = torch.eye(4, dtype=torch.float64)[[0, 0, 0]]
    assert float(token_information_loss(collapsed)) == 0


def test_training_is_dense_and_the_rest_sparse():
    layer = make_layer("dense-training-sparse-inference", d_model=8, d_expert=8)
    x_BSD = torch.randn(2, 5, 8)
    _, dense = layer.train()(x_BSD)
    _, sparse = layer.eval()(x_BSD)
    assert isinstance(dense.routing, DenseRouting)
    assert isinstance(sparse.routing, SparseRouting)
    assert int(sparse.routing.load_E.sum()) == 2 * 10
    assert dense.stats["kept_weight"] == sparse.stats["kept_weight"]
    kept = float(sparse.routing.share_TE().sum(-1).mean())
    assert abs(sparse.stats["kept_weight"] - kept) < 1e-6
