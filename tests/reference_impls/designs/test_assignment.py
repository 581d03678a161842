"""Designs that assign tokens to experts jointly, or by a policy."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls import make_layer
from reference_impls.catalogue import find
from reference_impls.core.assignment import balanced_assignment
from reference_impls.core.routing import Progress
from reference_impls.designs.expert_choice.router import rank_in_group
from reference_impls.designs.reinforcement_learned_router.router import policy_loss
from reference_impls.designs.s_base_sinkhorn.sinkhorn import sinkhorn_plan
from reference_impls.tasks.train import make_task


@settings(max_examples=40, deadline=None)
@given(T=st.integers(0, 25), E=st.integers(1, 6), levels=st.integers(1, 5), seed=st.integers(0, 1000), data=st.data())
def test_no_swap_of_two_tokens_and_no_move_into_a_free_place_would_gain(T, E, levels, seed, data):
    k = data.draw(st.integers(1, min(E, 3)))
    generator = torch.Generator().manual_seed(seed)
    score_TE = torch.randint(levels, (T, E), generator=generator).double() + 3 * torch.rand(E, generator=generator)
    expert_TK = balanced_assignment(score_TE, k, torch.zeros(T, dtype=torch.int64), 1)
    chosen_TE = torch.zeros(T, E, dtype=torch.bool).scatter_(1, expert_TK, True)
    places = -(-k * T // E)
    assert (chosen_TE.sum(1) == k).all()
    assert (chosen_TE.sum(0) <= places).all()
    gain_TEE = score_TE[:, None, :] - score_TE[:, :, None]  # of leaving the first expert for the second
    gain_TEE[~(chosen_TE[:, :, None] & ~chosen_TE[:, None, :])] = -torch.inf
    best_EE = gain_TEE.amax(0) if T else torch.full((E, E), -torch.inf)
    assert (best_EE + best_EE.T).max() <= 1e-9
    assert best_EE[:, chosen_TE.sum(0) < places].numel() == 0 or best_EE[:, chosen_TE.sum(0) < places].max() <= 1e-9


def test_groups_are_assigned_apart():
    score_TE = torch.randn(9, 3)
    group_T = torch.tensor([0, 0, 0, 0, 2, 2, 2, 2, 2])
    both = balanced_assignment(score_TE, 1, group_T, 3)
    apart = [
        balanced_assignment(part, 1, torch.zeros(len(part), dtype=torch.int64), 1) for part in score_TE.split([4, 5])
    ]
    assert (both == torch.cat(apart)).all()


def test_a_diverged_router_is_no_concern_of_the_solver():
    score_TE = torch.tensor([[torch.nan, 1.0], [torch.inf, -torch.inf], [0.0, 1.0], [0.0, 1.0]])
    expert_TK = balanced_assignment(score_TE, 1, torch.zeros(4, dtype=torch.int64), 1)
    assert torch.bincount(expert_TK[:, 0]).tolist() == [2, 2]


def test_how_many_got_their_best_expert_is_told():
    layer = make_layer("base-assignment", d_model=8, d_expert=4, n_experts=4)
    with torch.no_grad():
        layer.router.weight_ED.copy_(torch.eye(4, 8))
    x_BSD = torch.tensor([3.0, 2, 1, 0, 0, 0, 0, 0]).expand(1, 8, 8)  # all want the first expert
    assert layer(x_BSD)[1].stats == {"best_expert_fraction": 0.25}
    assert layer.eval()(x_BSD)[1].stats == {"best_expert_fraction": 1.0}


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(0, 9), min_size=1, max_size=4), scale=st.sampled_from([0.0, 1.0, 1e4]))
def test_plans_are_finite_with_rows_of_one_and_groups_apart(sizes, scale):
    group_T = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    logit_TE = scale * torch.randn(len(group_T), 3)
    plan_TE = sinkhorn_plan(logit_TE, group_T, len(sizes), epsilon=1.0, steps=15)
    torch.testing.assert_close(plan_TE.sum(1), torch.ones(len(group_T)))
    for group in range(len(sizes)):
        alone = sinkhorn_plan(
            logit_TE[group_T == group], torch.zeros(sizes[group], dtype=torch.int64), 1, epsilon=1.0, steps=15
        )
        torch.testing.assert_close(plan_TE[group_T == group], alone)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_what_all_tokens_think_of_an_expert_does_not_matter(seed):
    generator = torch.Generator().manual_seed(seed)
    logit_TE = torch.randn(12, 4, generator=generator, dtype=torch.float64)
    group_T = torch.zeros(12, dtype=torch.int64)
    plain, shifted = (
        sinkhorn_plan(logits, group_T, 1, epsilon=1.0, steps=200)
        for logits in (logit_TE, logit_TE + 5 * torch.randn(4, generator=generator, dtype=torch.float64))
    )
    torch.testing.assert_close(plain, shifted, rtol=1e-6, atol=1e-8)


def test_training_evens_a_lopsided_router_and_evaluation_does_not():
    layer = make_layer("s-base-sinkhorn", d_model=8, d_expert=4, n_experts=4, sinkhorn_steps=200)
    with torch.no_grad():
        layer.router.weight_ED.normal_().add_(torch.tensor([3.0, 0, 0, 0])[:, None])
    x_BSD = torch.randn(2, 64, 8).abs()
    told = layer(x_BSD)[1]
    assert told.routing.load_E.max() < 48
    assert told.stats["plan_violation"] < 1e-3
    assert told.stats["best_expert_fraction"] < 1
    assert layer.eval()(x_BSD)[1].routing.load_E.max() > 100


def test_fewer_steps_leave_a_larger_violation():
    seen = []
    for steps in (1, 3, 30):
        torch.manual_seed(0)
        layer = make_layer("s-base-sinkhorn", d_model=8, d_expert=4, n_experts=4, sinkhorn_steps=steps)
        torch.nn.init.normal_(layer.router.weight_ED)
        seen.append(layer(torch.randn(1, 32, 8))[1].stats["plan_violation"])
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] == pytest.approx(0, abs=1e-3)


def maxscore_layer(**fields):
    layer = make_layer("maxscore-routing", d_model=8, d_expert=4, n_experts=4, **fields)
    torch.nn.init.normal_(layer.router.weight_ED)
    return layer


def test_the_factor_of_second_weights_falls_to_one_and_stays():
    layer, x_BSD = maxscore_layer(second_weight_start=4.0, second_weight_steps=3), torch.randn(1, 8, 8)
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
    layer = maxscore_layer(experts_per_token=1)
    x_BSD = torch.randn(1, 1, 8).expand(1, 8, 8)
    assert layer(x_BSD)[1].stats["kept_fraction"] == 0.25


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(0, 6), min_size=1, max_size=4), seed=st.integers(0, 1000))
def test_ranks_are_those_of_sorting_each_group_by_itself(sizes, seed):
    generator = torch.Generator().manual_seed(seed)
    group_T = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    score_TE = torch.randint(4, (len(group_T), 3), generator=generator).float()  # many ties
    rank_TE = rank_in_group(score_TE, group_T, torch.tensor(sizes))
    for group in range(len(sizes)):
        members = torch.where(group_T == group)[0]
        for expert in range(3):
            ordered = sorted(members.tolist(), key=lambda t: (-float(score_TE[t, expert]), t))
            assert [int(rank_TE[t, expert]) for t in ordered] == list(range(len(members)))


def test_what_a_token_gets_is_told():
    layer = make_layer("expert-choice", d_model=8, d_expert=8, n_experts=4, capacity_factor=1.0)
    x_BSD = torch.zeros(1, 8, 8)  # no opinions: every expert takes the first two tokens
    stats = layer(x_BSD)[1].stats
    assert stats == {"untaken_fraction": 0.75, "most_experts": 4.0}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), shift=st.floats(-50, 50), scale=st.floats(0.1, 50))
def test_the_level_and_scale_of_rewards_do_not_matter(seed, shift, scale):
    generator = torch.Generator().manual_seed(seed)
    log_T, reward_T = torch.randn(2, 7, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(policy_loss(log_T, scale * reward_T + shift), policy_loss(log_T, reward_T))


@pytest.mark.parametrize("reward", [[1.0], [2.0, 2.0, 2.0]])
def test_rewards_that_say_nothing_teach_nothing(reward):
    log_T = torch.zeros(len(reward), requires_grad=True)
    policy_loss(log_T, torch.tensor(reward)).backward()
    assert log_T.grad.abs().max() == 0


@pytest.mark.parametrize("task", ["text", "clusters"])
def test_the_models_loss_rewards_every_layers_router_in_training_only(task, tiny):
    entry = find("reinforcement-learned-router")
    fields = tiny if task == "text" else {"task": "clusters", "threads": 1}
    made = make_task(entry, entry.config_class(**(fields | {"balance_coefficient": 0.0})))
    outcome = made.evaluate(made.training_batch(torch.Generator().manual_seed(0)))
    outcome.loss.backward()
    routers = [p for name, p in made.model.named_parameters() if name.endswith("router.weight_ED")]
    assert len(routers) == len(outcome.infos)
    assert all(p.grad.abs().sum() > 0 for p in routers)
    assert "aux_policy" in outcome.means
    made.model.eval()
    assert "aux_policy" not in made.evaluate(made.validation_batches[0]).means
