"""Charts of runs."""

from __future__ import annotations

import pytest

from moe_kb.analysis.run_metrics import (
    differing_settings,
    headline_of,
    metric_label,
    metric_text,
    metrics_of,
    setting_label,
)
from moe_kb.charts.lab import comparison_chart, curve_chart, load_chart, load_history_chart
from moe_kb.lab import Curve, FormField, Loads, Run, RunCurves, RunEstimate


def curves(**train: list[float | None]) -> RunCurves:
    made = {name: Curve(tuple(range(1, len(values) + 1)), tuple(values)) for name, values in train.items()}
    return RunCurves(None, None, None, made, {"bits_per_byte": Curve((2,), (2.5,))}, {}, (), ())


def run(run_id: str, **config: object) -> Run:
    estimate = RunEstimate(1, 1.0, 1, 1)
    return Run(run_id, "x", "m", dict(config), estimate, "completed", 0.0, 0.0, 1.0, 9.0, None, None, None, 0, None)


def field(name: str, unit: str = "") -> FormField:
    return FormField(
        name,
        name.replace("_", " ").capitalize(),
        "int",
        1,
        False,
        False,
        None,
        False,
        None,
        False,
        1,
        (),
        unit,
        "",
        "",
        False,
    )


def test_both_splits_are_drawn_and_a_gap_stays_a_gap():
    train, valid = curve_chart(curves(bits_per_byte=[4.0, None, 3.0]), "bits_per_byte", steps=100).data
    assert (train.name, list(train.y)) == ("train", [4.0, None, 3.0])
    assert (valid.name, list(valid.x)) == ("valid", [2])


def test_a_share_that_is_always_zero_has_no_axis_below_it():
    assert curve_chart(curves(dropped_fraction=[0.0, 0.0]), "dropped_fraction").layout.yaxis.rangemode == "nonnegative"


def test_the_axis_spans_the_whole_run_from_the_start():
    assert curve_chart(curves(loss=[1.0]), "loss", steps=200).layout.xaxis.range[1] >= 200


def test_fractions_are_shown_in_percent():
    (trace,) = curve_chart(curves(dropped_fraction=[0.25]), "dropped_fraction").data
    assert list(trace.y) == [25.0]
    assert "percent" in metric_label("dropped_fraction")


def test_metrics_keep_their_order_and_unknown_ones_follow():
    assert metrics_of(curves(zebra=[1.0], loss=[1.0])) == ["loss", "bits_per_byte", "zebra"]


def test_loads_become_multiples_of_an_even_share_whatever_their_sum():
    figure = load_chart({"layer 1": Loads(5, "train", (2.0, 6.0)), "layer 2": Loads(5, "train", (0.1, 0.1, 0.1, 0.1))})
    (heat,) = figure.data
    assert [list(row) for row in heat.z] == [[0.5, 1.5, None, None], [1.0, 1.0, 1.0, 1.0]]


def test_loads_of_nothing_are_not_divided_by_zero():
    (heat,) = load_chart({"layer 1": Loads(0, "valid", (0.0, 0.0))}).data
    assert [list(row) for row in heat.z] == [[None, None]]


def test_loads_over_the_steps_are_a_column_a_report():
    (heat,) = load_history_chart([Loads(5, "train", (2.0, 6.0)), Loads(10, "train", (1.0, 1.0))]).data
    assert list(heat.x) == [5, 10]
    assert list(heat.y) == ["0", "1"]
    assert [list(row) for row in heat.z] == [[0.5, 1.0], [1.5, 1.0]]


def test_a_run_is_told_by_its_headline():
    assert headline_of(RunCurves(None, None, None, {}, {}, {}, (), ())) is None
    assert headline_of(curves(loss=[1.0])) == "bits_per_byte"
    told = RunCurves(None, None, None, {}, {"accuracy": Curve((1,), (0.5,))}, {}, (), ())
    assert headline_of(told) == "accuracy"
    assert [metric_text("accuracy", 0.5), metric_text("squared_error", 2.0), metric_text("loss", None)] == [
        "50.0%", "2.000", "–",
    ]  # fmt: skip


def test_metrics_that_a_design_adds_have_readable_names():
    assert metric_label("accuracy") == "Accuracy (percent)"
    assert metric_label("aux_device_balance") == "Device balance loss, unweighted"
    assert metric_label("slot_entropy") == "Slot entropy"
    assert len(metric_label("information", short=True)) < len(metric_label("information"))


def test_runs_are_compared_each_by_its_own_line():
    many = {f"run {n}": curves(loss=[float(n)]) for n in range(10)}
    looks = [(trace.line.color, trace.line.dash) for trace in comparison_chart(many, "loss", "train").data]
    assert len(set(looks)) == 10


def test_only_settings_that_differ_are_listed():
    runs = [run("a", steps=10, seed=0), run("b", steps=20, seed=0, extra=True)]
    assert differing_settings(runs) == [
        {"setting": "steps", "a": "10", "b": "20"},
        {"setting": "extra", "a": "", "b": "True"},
    ]


@pytest.mark.parametrize(
    ("name", "unit", "label"),
    [
        ("n_layers", "", "Layers"),
        ("d_model", "", "Model width"),
        ("steps", "steps", "Steps"),
        ("moe_every", "", "MoE every"),
        ("batch_size", "sequences", "Batch size (sequences)"),
    ],
)
def test_names_of_settings(name, unit, label):
    assert setting_label(field(name, unit)) == label
