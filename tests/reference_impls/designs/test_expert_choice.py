import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls import make_layer
from reference_impls.designs.expert_choice.router import rank_in_group


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
