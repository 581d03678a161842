import pytest
import torch

from reference_impls.catalogue import find
from reference_impls.designs.dense_softmax_mixture.router import run_model
from reference_impls.tasks.clusters import ClustersTask, dense_baseline
from reference_impls.verify.properties import cluster_scores

ENTRY = find("dense-softmax-mixture")


def _task(**fields) -> ClustersTask:
    torch.manual_seed(0)
    return ClustersTask(ENTRY, ENTRY.config_class(task="clusters", threads=1, **fields))


def test_competing_experts_find_clusters_that_cooperating_ones_do_not():
    small = {"n_clusters": 3, "n_experts": 6, "steps": 150}
    configs = (ENTRY.config_class(task="clusters", threads=1, competition=on, **small) for on in (True, False))
    found, blended = (cluster_scores(ENTRY, config)["information"] for config in configs)
    assert found > 0.5
    assert blended < found / 2


def test_what_is_scored_is_a_probability():
    task = _task(steps=1)
    batch = task.training_batch(torch.Generator().manual_seed(0))
    output = run_model(task, batch).output
    assert output.shape == (*batch.label_BS.shape, 8)
    torch.testing.assert_close(output.exp().sum(-1), torch.ones(batch.label_BS.shape))
    outcome = task.evaluate(batch)
    picked = output.flatten(0, 1).gather(1, batch.label_BS.flatten()[:, None])
    assert outcome.means["cross_entropy"] == pytest.approx(-float(picked.detach().mean()), rel=1e-5)


def test_without_competition_the_blend_is_scored():
    task = _task(competition=False, steps=1)
    batch = task.training_batch(torch.Generator().manual_seed(0))
    torch.testing.assert_close(run_model(task, batch).output, task.forward(batch).output)


def test_the_dense_control_is_run_as_any_other_model():
    twin = dense_baseline(ENTRY, ENTRY.config_class(task="clusters", threads=1))
    batch = twin.training_batch(torch.Generator().manual_seed(0))
    torch.testing.assert_close(twin.evaluate(batch).loss, twin.score(batch, twin.forward(batch).output)[0])
