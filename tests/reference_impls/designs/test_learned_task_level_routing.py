"""Learned task-level routing: the temperature, the config's bounds, what is remembered."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.catalogue import find
from reference_impls.config import ConfigError, check_config
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import Progress
from reference_impls.designs.learned_task_level_routing.config import TaskLevelConfig
from reference_impls.designs.learned_task_level_routing.router import make_layer


def layer(**fields: object) -> MoELayer:
    config = TaskLevelConfig(d_model=8, d_expert=12, d_task=4, d_router=6, **fields)
    return make_layer(config).double()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"n_tasks": 3}, "n_tasks = 3 must be at least 4, the domains"),
        ({"task": "clusters", "n_clusters": 12}, "n_tasks = 8 must be at least 12, n_clusters"),
    ],
)
def test_a_task_without_a_vector_is_told(fields, message):
    with pytest.raises(ConfigError, match=message):
        check_config(find("learned-task-level-routing").config_class, fields)


@settings(max_examples=20, deadline=None)
@given(task=st.lists(st.integers(0, 3), min_size=1, max_size=5), E=st.integers(1, 5), S=st.integers(0, 4))
def test_in_training_each_sequence_has_one_expert_and_its_own_draw(task, E, S):
    made = layer(n_experts=E).train()
    routing = made(torch.randn(len(task), S, 8, dtype=torch.float64), domain=torch.tensor(task))[1].routing
    share = routing.share_TE().view(len(task), S, E)
    assert ((share - share.round()).abs() < 1e-12).all()
    torch.testing.assert_close(share.sum(-1), torch.ones(len(task), S, dtype=torch.float64))
    assert (share == share[:, :1]).all()


def test_the_temperature_is_part_of_a_checkpoint():
    made = layer(first_temperature=2.0, last_temperature=0.5)
    made.router.on_step(None, Progress(5, 10))
    other = layer(first_temperature=2.0, last_temperature=0.5)
    other.load_state_dict(made.state_dict())
    assert float(other.router.temperature) == pytest.approx(1.0)


def test_with_softmax_training_and_evaluation_are_one():
    made = layer(selection="softmax")
    x_BSD, task = torch.randn(2, 3, 8, dtype=torch.float64), torch.tensor([1, 3])
    torch.testing.assert_close(made.train()(x_BSD, domain=task)[0], made.eval()(x_BSD, domain=task)[0])
