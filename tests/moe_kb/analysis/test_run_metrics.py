"""What runs report, in words."""

from dataclasses import replace

import pytest
from runs import NOTHING, curves, field, run

from moe_kb.analysis.run_metrics import (
    differing_settings,
    headline_of,
    in_labels,
    main_metrics,
    metric_label,
    metric_text,
    metrics_of,
    run_labels,
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
    steps, extra = differing_settings({"a": {"steps": 10, "seed": 0}, "b": {"steps": 20, "seed": 0, "n_extra": True}})
    assert (steps, extra) == ({"": "Steps", "a": "10", "b": "20"}, {"": "Extra", "a": "", "b": "True"})


def test_runs_are_called_by_design_and_budget():
    runs = [
        run("a", steps=2400, seed=0),
        run("b", steps=2400, seed=0),
        run("c", seed=1),
        replace(run("d"), name="Mine"),
    ]
    assert run_labels(runs, {"x": "Switch"}) == {
        "a": "Switch · 2,400 steps · seed 0 · a", "b": "Switch · 2,400 steps · seed 0 · b", "c": "Switch · seed 1",
        "d": "Mine",
    }  # fmt: skip
    assert run_labels([run("a")], {}) == {"a": "x"}


def test_drops_are_shown_where_there_are_any():
    assert main_metrics(curves(dropped_fraction=[0.0, 0.0], loss=[1.0])) == ["bits_per_byte"]
    assert main_metrics(curves(dropped_fraction=[0.0, 0.1])) == ["bits_per_byte", "dropped_fraction"]
    assert main_metrics(curves({"accuracy": 0.5, "dropped_fraction": 0.2})) == ["accuracy", "dropped_fraction"]


@pytest.mark.parametrize(("text", "said"), [
    ("n_experts = 15 must be a multiple of n_groups = 4", "Experts = 15 must be a multiple of Groups = 4"),
    ("d_model = 3 is n_experts", "Model width = 3 is n_experts"), ("other = 3", "other = 3"),
])  # fmt: skip
def test_messages_use_the_labels_of_the_form(text, said):
    assert in_labels(text, [field("n_experts"), field("n_groups"), field("d_model")]) == said


@pytest.mark.parametrize(("name", "unit", "label"), [
    ("n_layers", "", "Layers"), ("d_model", "", "Model width"), ("steps", "steps", "Steps"),
    ("moe_every", "", "MoE every"), ("batch_size", "sequences", "Batch size (sequences)"),
])  # fmt: skip
def test_settings_have_readable_names(name, unit, label):
    assert setting_label(field(name, unit)) == label
