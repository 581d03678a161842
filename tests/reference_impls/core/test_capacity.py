"""The capacity rule against a plain count."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.core.capacity import expert_capacity, fits_capacity


@settings(max_examples=60, deadline=None)
@given(
    n_experts=st.integers(1, 5),
    capacities=st.lists(st.integers(0, 4), min_size=1, max_size=4),
    n=st.integers(0, 40),
    seed=st.integers(0, 2**31),
)
def test_first_come_first_served(n_experts, capacities, n, seed):
    torch.manual_seed(seed)
    expert_A = torch.randint(n_experts, (n,))
    group_A = torch.randint(len(capacities), (n,))
    served = fits_capacity(expert_A, group_A, torch.tensor(capacities), n_experts)
    taken: dict[tuple[int, int], int] = {}
    for group, expert, fits in zip(group_A.tolist(), expert_A.tolist(), served.tolist(), strict=True):
        cell = (group, expert)
        assert fits == (taken.get(cell, 0) < capacities[group])
        taken[cell] = taken.get(cell, 0) + fits


def test_capacity_is_rounded_up_and_not_by_rounding_errors():
    tokens_G = torch.tensor([0, 1, 10, 100, 256])
    assert expert_capacity(tokens_G, 8, 1.25).tolist() == [0, 1, 2, 16, 40]
    assert expert_capacity(tokens_G, 10, 1.1).tolist() == [0, 1, 2, 11, 29]
    assert expert_capacity(torch.tensor([110]), 1, 1.1).tolist() == [121]
