"""Charts of runs."""

from runs import curves

from moe_kb.charts.lab import comparison_chart, curve_chart, load_chart, load_history_chart
from moe_kb.lab import Loads


def test_curves_of_both_splits_keep_their_gaps():
    chart = curve_chart(curves(bits_per_byte=[4.0, None, 3.0]), "bits_per_byte", steps=200)
    train, valid = chart.data
    assert (train.name, list(train.y)) == ("this run, training", [4.0, None, 3.0])
    assert (valid.name, list(valid.x)) == ("this run", [2])
    assert train.opacity < 0.5
    assert chart.layout.xaxis.range[1] >= 200, "the whole run from the start"


def test_fractions_are_percentages_above_zero():
    chart = curve_chart(curves(dropped_fraction=[0.25]), "dropped_fraction")
    assert (list(chart.data[0].y), chart.layout.yaxis.rangemode) == ([25.0], "nonnegative")
    assert "percent" in chart.layout.yaxis.title.text


def test_loads_are_multiples_of_an_even_share():
    loads = {"a": Loads(5, "train", (2.0, 6.0)), "b": Loads(5, "train", (0.1,) * 4), "c": Loads(0, "valid", (0.0,))}
    (heat,) = load_chart(loads).data
    assert [list(row) for row in heat.z] == [[0.5, 1.5, None, None], [1.0] * 4, [None] * 4]


def test_load_histories_have_a_column_a_report():
    (heat,) = load_history_chart([Loads(5, "train", (2.0, 6.0)), Loads(10, "train", (1.0, 1.0))]).data
    assert (list(heat.x), list(heat.y)) == ([5, 10], ["0", "1"])
    assert [list(row) for row in heat.z] == [[0.5, 1.0], [1.5, 1.0]]


def test_compared_runs_have_lines_of_their_own():
    many = {f"run {n}": curves(loss=[float(n)]) for n in range(10)}
    traces = comparison_chart(many, "loss").data
    assert len({(trace.line.color, trace.line.dash) for trace in traces}) == 10
    assert all(trace.showlegend for trace in traces), "a run without validation keeps its name"


def test_runs_stand_beside_what_was_known():
    beside = {"Dense": [(75, 0.5), (150, 0.75)]}
    *_, level, dense = curve_chart(curves(accuracy=[0.5]), "accuracy", levels={"chance": 0.1}, beside=beside).data
    assert (level.name, list(level.y)) == ("chance", [10.0, 10.0])
    assert (dense.name, list(dense.x), list(dense.y)) == ("Dense", [75, 150], [50.0, 75.0])
    assert level.line.dash != dense.line.dash
