"""Charts of trade-offs hold what the entries hold, and every mark leads to its record."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from measured import of_values, rounded

from moe_kb.charts import trade_offs as charts
from moe_kb.charts.trade_offs import against, parallel


def named(source: str | None, locator: str | None) -> str:
    return f"{source}, {locator}"


@pytest.fixture
def three():
    return of_values(a=(70, 2e9, 4096), b=(60, 1e9, 8192), c=(65, 3e9, 2048))


def test_marks_show_the_frontier_and_lead_to_records(three):
    figure = against(three, "cost", "accuracy", named)
    line, best, behind = figure.data
    assert list(zip(line.x, line.y, strict=True)) == [(1, 60), (2, 60), (2, 70)], "b's score up to the cost of a"
    assert (list(best.x), list(best.customdata)) == ([2, 1], ["model:a", "model:b"])
    assert (list(behind.text), list(behind.customdata)) == (["C 1B"], ["model:c"])
    assert (behind.name, behind.marker.symbol) == ("dominated", "circle-open")
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.xaxis.title.text == "Active parameters (billions), ← better"
    assert figure.layout.yaxis.title.text == "MMLU, 5-shot (percent), better →"
    hover = best.hovertext[0]
    assert "survey, Table 3" in hover
    assert "printed as a Instruct" in hover
    assert "computed from a-config, config.json" in hover
    assert "&lt;b&gt;odd" in hover, "record text cannot act as markup"


def test_steps_turn_where_more_is_better(three):
    figure = against(three, "performance", "accuracy", named)
    line = figure.data[0]
    assert list(zip(line.x, line.y, strict=True)) == [(4096, 70), (4096, 60), (8192, 60)]
    assert figure.layout.xaxis.title.text.endswith("better →")


def test_unranked_marks_have_a_group():
    figure = against(rounded(), "cost", "accuracy", named)
    assert [list(trace.text or []) for trace in figure.data] == [[], ["A 1B"], ["B 1B"]]
    assert figure.data[2].name.startswith("not ranked")


def test_many_points_are_named_on_the_frontier_only():
    models = {f"m{number}": (number, 1e9 * (1 + number % 7), None) for number in range(30)}
    figure = against(of_values(**models), "cost", "accuracy", named)
    behind = figure.data[-1]
    assert len(behind.text) > charts.NAMED / 2
    assert set(behind.text) == {""}
    assert all(figure.data[1].text)


def test_parallel_axes_have_better_up(three):
    figure = parallel(three, named)
    heights = {trace.customdata[0]: list(trace.y[:3]) for trace in figure.data}
    assert heights["model:a"] == pytest.approx([1, 0.5, 0.3691], abs=1e-3)
    assert heights["model:b"] == [0, 1, 1], "the lowest score, the longest context, the lowest cost"
    assert heights["model:c"][2] == 0
    titles = [note.text for note in figure.layout.annotations if note.text.startswith("<b>")]
    assert titles[2] == "<b>Deployment cost</b><br>Active parameters (billions)"
    ends = {(note.x, note.yanchor): note.text for note in figure.layout.annotations if note.text not in titles}
    assert [(ends[x, "top"], ends[x, "bottom"]) for x in range(3)] == [("60", "70"), ("2,048", "8,192"), ("3", "1")]


def test_equal_values_stand_in_the_middle():
    figure = parallel(of_values(**dict.fromkeys("abc", (50, 7e9, 4096))), named)
    assert [list(trace.y[:3]) for trace in figure.data] == [[0.5] * 3] * 3
    ends = sorted(trace.y[3] for trace in figure.data)
    assert min(b - a for a, b in pairwise(ends)) > 0.04, "names do not cover each other"


@given(st.lists(st.floats(0, 1), max_size=20))
def test_spread_names_keep_order_and_distance(heights):
    out = charts._spread(heights, 0.045)
    order = sorted(range(len(heights)), key=lambda at: heights[at])
    assert all(out[b] - out[a] > 0.0449 for a, b in pairwise(order))
    assert max(out, default=0) <= 1 + 1e-9


def test_charts_of_nothing_are_empty():
    nothing = of_values()
    assert len(against(nothing, "cost", "accuracy", named).data) == 1
    assert len(parallel(nothing, named).data) == 0
