"""DEMix: weights by Bayes' rule for any evidence, and when the mixture plays."""

import pytest
import torch

from reference_impls.catalogue import find
from reference_impls.config import check_config
from reference_impls.designs.demix_domain_routing.router import log_weights, run_model
from reference_impls.tasks.clusters import ClustersTask
from reference_impls.tasks.language import TextTask

SMALL = {"d_model": 16, "n_heads": 2, "n_layers": 2, "d_expert": 12, "domain_bytes": 40_000, "sequence_length": 32,
         "batch_size": 4, "validation_sequences": 8}  # fmt: skip


def test_one_expert_that_foresees_everything_wins():
    earned_EBS = torch.full((3, 1, 50), -2.0, dtype=torch.float64)
    earned_EBS[1] = -0.5
    weight_EBS = log_weights(earned_EBS, "history").exp()
    assert weight_EBS[1, 0].diff().min() >= 0
    assert weight_EBS[1, 0, -1] > 1 - 1e-12
    last = log_weights(earned_EBS, "last").exp()[1, 0, 1:]
    torch.testing.assert_close(last, last[:1].expand_as(last))


@pytest.mark.parametrize("key", ["clusters", "text"])
def test_the_known_domain_plays_in_training_and_the_mixture_outside(key):
    entry = find("demix-domain-routing")
    config = check_config(entry.config_class, SMALL | {"task": key})
    task = {"clusters": ClustersTask, "text": TextTask}[key](entry, config)
    batch = task.validation_batches[0]
    task.model.train()
    assert not run_model(task, batch).losses
    task.model.eval()
    with torch.no_grad():
        outcome = task.evaluate(batch)
    assert outcome.means["loss"] == pytest.approx(outcome.means["cross_entropy"])
    assert outcome.means["aux_known_domain"] > 0
    for info in outcome.infos.values():
        assert info.routing.n_tokens == outcome.targets
        assert float(info.routing.load_E.sum()) == pytest.approx(outcome.targets, rel=1e-4)
    assert set(outcome.infos) == ({"layer 0"} if key == "clusters" else {"layer 0", "layer 1"})
