import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.catalogue import find
from reference_impls.designs.reinforcement_learned_router.router import policy_loss
from reference_impls.tasks.train import make_task


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
    assert "aux_policy" not in made.evaluate(made.validation_batches()[0]).means
