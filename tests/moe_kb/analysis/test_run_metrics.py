"""What runs report, in words."""

import pytest
from runs import NOTHING, curves, field, run

from moe_kb.analysis.run_metrics import (
    differing_settings,
    headline_of,
    metric_label,
    metric_text,
    metrics_of,
    setting_label,
)


def test_known_metrics_come_first():
    assert metrics_of(curves(zebra=[1.0], loss=[1.0])) == ["loss", "bits_per_byte", "zebra"]


def test_the_headline_follows_the_task():
    assert headline_of(NOTHING) is None
    assert headline_of(curves(loss=[1.0])) == "bits_per_byte"
    assert headline_of(curves({"accuracy": 0.5})) == "accuracy"


def test_metrics_have_readable_names_and_values():
    assert metric_label("accuracy") == "Accuracy (percent)"
    assert metric_label("aux_device_balance") == "Device balance loss, unweighted"
    assert metric_label("slot_entropy") == "Slot entropy"
    assert len(metric_label("information", short=True)) < len(metric_label("information"))
    assert [metric_text(*pair) for pair in (("accuracy", 0.5), ("squared_error", 2.0), ("loss", None))] == [
        "50.0%", "2.000", "–",
    ]  # fmt: skip


def test_only_differing_settings_are_listed():
    runs = [run("a", steps=10, seed=0), run("b", steps=20, seed=0, extra=True)]
    steps, extra = differing_settings(runs)
    assert (steps, extra["b"]) == ({"setting": "steps", "a": "10", "b": "20"}, "True")


@pytest.mark.parametrize(("name", "unit", "label"), [
    ("n_layers", "", "Layers"), ("d_model", "", "Model width"), ("steps", "steps", "Steps"),
    ("moe_every", "", "MoE every"), ("batch_size", "sequences", "Batch size (sequences)"),
])  # fmt: skip
def test_settings_have_readable_names(name, unit, label):
    assert setting_label(field(name, unit)) == label
