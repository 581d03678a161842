import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls import make_layer
from reference_impls.core.assignment import balanced_assignment


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
