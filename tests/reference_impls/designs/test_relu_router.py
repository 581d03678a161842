import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.catalogue import find
from reference_impls.core.routing import Progress
from reference_impls.designs.relu_router.config import ReMoEConfig
from reference_impls.designs.relu_router.router import make_layer
from reference_impls.tasks.clusters import ClustersTask
from reference_impls.tasks.language import TextTask

SMALL = {"d_model": 8, "d_expert": 8}


@settings(deadline=None)
@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 2**16))
def test_the_penalty_moves_against_the_number_of_experts(n_experts, k, seed):
    layer = make_layer(ReMoEConfig(n_experts=n_experts, experts_per_token=min(k, n_experts), **SMALL)).train()
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
    layer = make_layer(ReMoEConfig(n_experts=8, experts_per_token=2, initial_penalty=1e-3, **SMALL)).train()
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
    task.evaluate(task.validation_batches()[0])
    assert float(task.model.layer.router.sparsity) == before
