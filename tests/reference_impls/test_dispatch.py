"""The fast dispatch against the readable loop, and the capacity rule against a plain count."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.core.capacity import expert_capacity, fits_capacity
from reference_impls.core.dispatch import dispatch_loop, dispatch_sorted
from reference_impls.core.experts import ExpertBank, ReLUExperts, SwiGLUExperts
from reference_impls.core.routing import SparseRouting

D, F = 6, 10


def random_routing(n_tokens: int, n_experts: int, n_assignments: int, dtype: torch.dtype) -> SparseRouting:
    """Any assignments at all: a token may appear never, or several times, also at the same expert."""
    return SparseRouting(
        token_A=torch.randint(max(n_tokens, 1), (n_assignments,)),
        expert_A=torch.randint(n_experts, (n_assignments,)),
        weight_A=torch.randn(n_assignments, dtype=dtype).requires_grad_(),
        load_E=torch.zeros(n_experts, dtype=torch.int64),
        entropy=torch.zeros(()),
        n_tokens=n_tokens,
    )


def results(dispatch, x_TD, routing, bank):
    """Output and every gradient, for one direction fixed by the shapes."""
    x_TD = x_TD.clone().requires_grad_()
    for leaf in (routing.weight_A, *bank.parameters()):
        leaf.grad = None
    y_TD = dispatch(x_TD, routing, bank)
    (y_TD * torch.arange(y_TD.numel(), dtype=y_TD.dtype).view_as(y_TD).cos()).sum().backward()
    gradients = [x_TD.grad, routing.weight_A.grad, *(p.grad for p in bank.parameters())]
    shapes = [x_TD, routing.weight_A, *bank.parameters()]
    zeros = [torch.zeros_like(leaf) for leaf in shapes]
    return [y_TD.detach(), *(z if g is None else g.clone() for g, z in zip(gradients, zeros, strict=True))]


@settings(max_examples=60, deadline=None)
@given(
    n_tokens=st.integers(1, 9),
    n_experts=st.integers(1, 5),
    n_assignments=st.integers(0, 30),
    bank_class=st.sampled_from([ReLUExperts, SwiGLUExperts]),
    seed=st.integers(0, 2**31),
)
def test_the_fast_path_equals_the_definition(n_tokens, n_experts, n_assignments, bank_class, seed):
    torch.manual_seed(seed)
    bank: ExpertBank = bank_class(n_experts, D, F).double()
    routing = random_routing(n_tokens, n_experts, n_assignments, torch.float64)
    x_TD = torch.randn(n_tokens, D, dtype=torch.float64)
    slow, fast = results(dispatch_loop, x_TD, routing, bank), results(dispatch_sorted, x_TD, routing, bank)
    for expected, got in zip(slow, fast, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_output_keeps_the_dtype_of_the_input_while_weights_stay_wide(dtype):
    bank = SwiGLUExperts(3, D, F).to(dtype)
    routing = random_routing(5, 3, 8, torch.float32)
    x_TD = torch.randn(5, D, dtype=dtype)
    loop, fast = dispatch_loop(x_TD, routing, bank), dispatch_sorted(x_TD, routing, bank)
    assert loop.dtype == fast.dtype == dtype
    torch.testing.assert_close(fast, loop, rtol=0.05, atol=0.05)


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
