"""Learned task-level routing: the temperature, the config's bounds, what is remembered."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.core.layer import MoELayer
from reference_impls.designs.learned_task_level_routing.config import TaskLevelConfig
from reference_impls.designs.learned_task_level_routing.router import make_layer


def layer(**fields: object) -> MoELayer:
    config = TaskLevelConfig(d_model=8, d_expert=12, d_task=4, d_router=6, **fields)
    return make_layer(config).double()


@settings(max_examples=20, deadline=None)
@given(task=st.lists(st.integers(0, 3), min_size=1, max_size=5), E=st.integers(1, 5), S=st.integers(0, 4))
def test_in_training_each_sequence_has_one_expert_and_its_own_draw(task, E, S):
    made = layer(n_experts=E).train()
    routing = made(torch.randn(len(task), S, 8, dtype=torch.float64), domain=torch.tensor(task))[1].routing
    share = routing.share_TE().view(len(task), S, E)
    assert ((share - share.round()).abs() < 1e-12).all()
    torch.testing.assert_close(share.sum(-1), torch.ones(len(task), S, dtype=torch.float64))
    assert (share == share[:, :1]).all()


def test_with_softmax_training_and_evaluation_are_one():
    made = layer(selection="softmax")
    x_BSD, task = torch.randn(2, 3, 8, dtype=torch.float64), torch.tensor([1, 3])
    torch.testing.assert_close(made.train()(x_BSD, domain=task)[0], made.eval()(x_BSD, domain=task)[0])
