"""Task routing: what it asks of its caller and what it leaves alone."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.core.layer import MoELayer
from reference_impls.designs.task_id_routing.config import TaskIdConfig
from reference_impls.designs.task_id_routing.router import make_layer


def layer(n_experts: int = 3) -> MoELayer:
    return make_layer(TaskIdConfig(d_model=8, d_expert=12, n_experts=n_experts)).double()


@settings(max_examples=25, deadline=None)
@given(E=st.integers(1, 6), task=st.lists(st.integers(0, 20), min_size=1, max_size=5), S=st.integers(1, 6))
def test_only_the_experts_of_the_tasks_get_a_gradient(E, task, S):
    made = layer(E)
    y_BSD, info = made(torch.randn(len(task), S, 8, dtype=torch.float64), domain=torch.tensor(task))
    y_BSD.square().sum().backward()
    touched = {e for e in range(E) if made.experts.w_out_EDF.grad[e].abs().sum() > 0}
    assert touched == {t % E for t in task}
    assert info.routing.weight_A.eq(1).all()
    assert info.routing.load_E.tolist() == [S * sum(t % E == e for t in task) for e in range(E)]


def test_another_task_gives_another_output():
    made, x_BSD = layer(), torch.randn(1, 4, 8, dtype=torch.float64)
    first, second = (made(x_BSD, domain=torch.tensor([task]))[0] for task in (0, 1))
    assert not torch.allclose(first, second)
