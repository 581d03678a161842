"""The clustered task: what is drawn, and that it needs a mixture."""

import math

import pytest
import torch
from torch.nn import functional as F

from reference_impls.catalogue import find
from reference_impls.tasks.clusters import (
    CLASSES,
    FEATURES,
    WORDS_PER_CLUSTER,
    ClustersTask,
    PointSource,
    dense_baseline,
)


def source(unit: str = "token", seed: int = 0) -> PointSource:
    return PointSource(8, 32, unit, seed)


def test_points_are_what_the_seed_says():
    first, again, other = (source(seed=seed).draw(4, 6, torch.Generator().manual_seed(1)) for seed in (0, 0, 1))
    assert torch.equal(first.x_BSD, again.x_BSD)
    assert not torch.equal(first.x_BSD, other.x_BSD)
    assert first.x_BSD.shape == (4, 6, 32)


def test_a_point_has_unit_variance_and_every_label_occurs():
    points = source().draw(64, 64, torch.Generator().manual_seed(1))
    assert float(points.x_BSD.std()) == pytest.approx(1, abs=0.05)
    assert points.label_BS.unique().numel() == CLASSES
    assert torch.equal(points.word_BS // WORDS_PER_CLUSTER, points.cluster_BS)
    assert points.cluster_BS.unique().numel() == 8


def test_the_label_follows_the_rule_of_the_points_own_cluster_only():
    made = source()
    points = made.draw(16, 16, torch.Generator().manual_seed(1))
    feature_BSZ = points.x_BSD @ made.feature_ZD.T
    hits = torch.zeros(8)
    for shift in range(8):
        rule = made.rule_CLZ[(points.cluster_BS + shift) % 8]
        label_BS = torch.einsum("bslz,bsz->bsl", rule, feature_BSZ).argmax(-1)
        hits[shift] = (label_BS == points.label_BS).float().mean()
    assert hits[0] == 1
    assert hits[1:].max() < 0.35


def test_the_cluster_is_easy_to_see():
    made = source()
    points = made.draw(16, 16, torch.Generator().manual_seed(1))
    nearest = (F.normalize(points.x_BSD, dim=-1) @ F.normalize(made.word_WD, dim=-1).T).argmax(-1)
    assert (nearest // WORDS_PER_CLUSTER == points.cluster_BS).float().mean() > 0.9


def test_points_of_a_sequence_may_share_a_cluster():
    points = source("sequence").draw(32, 5, torch.Generator().manual_seed(1))
    assert (points.cluster_BS == points.cluster_BS[:, :1]).all()
    assert points.word_BS.unique().numel() > 8


def test_too_narrow_a_model_is_told():
    with pytest.raises(ValueError, match=f"d_model = 15 must be at least {2 * FEATURES} on the clusters task"):
        PointSource(4, 15, "token", 0)


def test_the_dense_twin_is_as_wide_as_what_a_token_passes_through():
    entry = find("deepseek-v3-router")
    config = entry.config_class(task="clusters")
    layer = config.layer
    width = (layer.experts_per_token + layer.shared_experts) * layer.d_expert
    assert dense_baseline(entry, config).model.layer.experts.d_expert == width


def test_validation_points_are_the_same_every_time_and_differ_from_training():
    entry = find("mixtral-top2-router")
    config = entry.config_class(task="clusters", validation_sequences=40)
    task, again = ClustersTask(entry, config), ClustersTask(entry, config)
    assert [len(batch.x_BSD) for batch in task.validation_batches] == [32, 8]
    assert torch.equal(task.validation_batches[0].x_BSD, again.validation_batches[0].x_BSD)
    fresh = task.training_batch(torch.Generator().manual_seed(config.seed))
    assert not torch.equal(task.validation_batches[0].x_BSD, fresh.x_BSD)


def test_what_lies_on_the_way_to_the_output_beside_experts_widens_the_twin_too():
    entry = find("multi-head-moe")
    config = entry.config_class(task="clusters")
    layer = config.layer
    part = layer.d_model // layer.token_heads  # what an expert reads and writes
    width = layer.active_experts * part * layer.d_expert / layer.d_model + 2 * layer.d_model / 3
    assert dense_baseline(entry, config).model.layer.experts.d_expert == math.ceil(width)
