"""The multitask task: how related the tasks are, what a label is, and who sees which task."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.catalogue import find
from reference_impls.core.build import dense_layer
from reference_impls.tasks.multitask import MultitaskTask, RegressionSource, correlation_root

CONFIG = find("multi-gate-mixture").config_class


@settings(max_examples=30, deadline=None)
@given(K=st.integers(1, 6), correlation=st.floats(0, 1), seed=st.integers(0, 2**31 - 1))
def test_directions_have_length_one_and_the_cosine_asked_for(K, correlation, seed):
    source = RegressionSource(CONFIG(n_tasks=K, task_correlation=correlation, seed=seed))
    gram = source.direction_KD @ source.direction_KD.T
    expected = torch.full((K, K), correlation).fill_diagonal_(1.0)
    torch.testing.assert_close(gram, expected, rtol=1e-4, atol=1e-5)
    root = correlation_root(K, correlation)
    torch.testing.assert_close(root, root.T)


def test_a_label_is_the_published_sum():
    source = RegressionSource(CONFIG(n_sines=3, label_noise=0.0))
    batch = source.draw(2, 3, torch.Generator().manual_seed(0))
    assert torch.equal(batch.x_BSD[..., -1], torch.ones(2, 3))
    for k, direction in enumerate(source.direction_KD):
        for b in range(2):
            for s in range(3):
                along = float(direction @ batch.x_BSD[b, s, :-1])
                expected = along + math.sin(along) + math.sin(2 * along + 1) + math.sin(3 * along + 4)
                assert float(batch.y_KBS[k, b, s]) == pytest.approx(expected, abs=1e-4)


def test_equal_tasks_have_equal_labels_and_noise_is_as_large_as_it_says():
    source = RegressionSource(CONFIG(task_correlation=1.0, label_noise=0.5))
    y_KBS = source.draw(100, 100, torch.Generator().manual_seed(0)).y_KBS
    assert float((y_KBS[0] - y_KBS[1]).std()) == pytest.approx(0.5 * math.sqrt(2), rel=0.05)


@pytest.mark.parametrize("key", ["mmoe", "ple"])
def test_every_tower_reads_what_the_layer_makes_for_its_task(key, tiny_config):
    entry = find(key)
    config = tiny_config(entry, task="multitask", n_experts=4)
    torch.manual_seed(0)
    task = MultitaskTask(entry, config)
    model = task.model.double().eval()
    x_BSD = task.validation_batches[0].x_BSD.double()
    prediction_KBS, infos = model(x_BSD)
    K, B, S = prediction_KBS.shape
    for k in range(K):
        y_BSD = model.layer(x_BSD, task=torch.full((B,), k))[0]
        hidden = (y_BSD @ model.hidden_KHD[k].T + model.hidden_KH[k]).relu()
        torch.testing.assert_close(prediction_KBS[k], hidden @ model.out_KH[k] + model.out_K[k])
    assert infos["layer 0"].routing.n_tokens == K * B * S
    labels, n = task.labels(task.validation_batches[0])
    assert (len(labels), n) == (K * B * S, K)


def test_errors_are_told_by_task(tiny_config):
    entry = find("multi-gate-mixture")
    task = MultitaskTask(entry, tiny_config(entry, task="multitask"), dense_layer)
    outcome = task.evaluate(task.validation_batches[0])
    each = [outcome.means[f"squared_error_{k}"] for k in (1, 2, 3)]
    assert outcome.means["squared_error"] == pytest.approx(sum(each) / 3)
    assert outcome.means["loss"] == pytest.approx(outcome.means["squared_error"])
    assert not outcome.infos
    (note,) = task.notes()
    assert note[1].startswith("3 regressions; labels of tasks 1 and 2 correlate at ")
    assert task.references()["a constant"] > 0


def test_more_tasks_than_coordinates_are_refused():
    with pytest.raises(ValueError, match=r"n_tasks = 8 must be at most d_model - 1 = 7"):
        RegressionSource(CONFIG(n_tasks=8, d_model=8))
