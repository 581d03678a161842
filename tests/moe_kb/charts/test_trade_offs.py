"""Charts of trade-offs hold what the entries hold, and every mark leads to its record."""

import pytest
from measured import of_values, rounded

from moe_kb.charts import trade_offs as charts
from moe_kb.charts.trade_offs import against


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


def test_charts_of_nothing_are_empty():
    nothing = of_values()
    assert len(against(nothing, "cost", "accuracy", named).data) == 1
