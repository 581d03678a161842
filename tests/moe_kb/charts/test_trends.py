"""Charts of measures by release date, and of questions of survey A's Table 2."""

import math

import pytest
from configurations import body, observed

from moe_kb.analysis.groups import OTHERS, SHOWN_GROUPS
from moe_kb.analysis.trend_fields import FOLLOWED, SIDE_BY_SIDE
from moe_kb.charts.palette import GREY
from moe_kb.charts.trends import by_date, side_by_side
from moe_kb.fields import NOT_REPORTED


def test_marks_lead_to_records_and_sources():
    observation = observed(
        "<a>",
        n_routed_experts=64,
        experts_per_token=8,
        chosen_share=12.5,
        zero_experts=4,
        places={"n_routed_experts": "Config", "experts_per_token": "Table <2>"},
        disputed=["experts_per_token"],
    )
    (trace,) = body(by_date([observation], "chosen_share", "organisation"))
    assert trace.customdata == ("model:&lt;a>",), "no real key has a bracket"
    assert trace.text[0] == (
        "<b>&lt;a&gt; 1B</b><br>Lab · March 2024<br>Active experts (k / E): <b>12.5 % ≠</b><br>"
        "active routed experts 8, routed experts 64<br><i>active routed experts: Table &lt;2&gt;</i><br>"
        "<i>routed experts: Config</i><br>at most: 4 experts without computation compete"
    )


def test_marks_known_only_by_year_are_hollow():
    found = [observed("a", n_shared_experts=1, released="2024"), observed("b", n_shared_experts=2)]
    figure = by_date(found, "n_shared_experts", "organisation")
    (trace,) = body(figure)
    assert trace.marker.symbol == ("circle-open", "circle")
    (legend,) = [trace for trace in figure.data if trace.name == "Lab" and trace.showlegend is not False]
    assert legend.marker.symbol == "circle"


def test_equal_values_do_not_hide_one_another():
    found = [observed(name, experts_per_token=8) for name in "abcde"]
    (trace,) = body(by_date([*found, observed("z", experts_per_token=1)], "experts_per_token", "organisation"))
    assert len({(x, round(math.log10(y), 6)) for x, y in zip(trace.x, trace.y, strict=True)}) == 6
    assert all(7 < y < 9.2 for y in trace.y[:5])


def test_others_and_unknown_are_grey():
    names = [*(f"Lab {n}" for n in range(SHOWN_GROUPS + 2)), None]
    found = [observed(f"m{n}", organisation=name, params_total=1e9) for n, name in enumerate(names)]
    colours = {trace.name: trace.marker.color for trace in body(by_date(found, "params_total", "organisation"))}
    assert len(colours) == SHOWN_GROUPS + 2
    assert colours.pop(OTHERS) == colours.pop(NOT_REPORTED) == GREY
    assert len(set(colours.values()) - {GREY}) == SHOWN_GROUPS


def test_words_stand_in_rows_commonest_on_top():
    found = [observed("a", score="softmax"), observed("b", score="softmax"), observed("c", score="sigmoid")]
    figure = by_date(found, "score", "organisation")
    assert (figure.layout.yaxis.ticktext, len(body(figure)[0].x)) == (("sigmoid", "softmax"), 3)


def test_medians_need_two_years():
    years = ("2023", "2024")
    found = [observed(f"{year}{n}", released=year, granularity=n) for year in years for n in (1.0, 2.0, 3.0)]

    def medians(observations):
        figure = by_date(observations, "granularity", "organisation")
        return [trace for trace in figure.data if trace.name == "median of the year"]

    (line,) = medians(found)
    assert list(line.y) == [2, 2]
    assert "3 configurations" in line.text[0]
    assert not medians(found[:3])


@pytest.mark.parametrize("found", [[], [observed("a")], [observed("a", released=None, params_total=1.0)]])
def test_charts_of_nothing_are_empty(found):
    assert not any(body(by_date(found, name, "score")) for name in FOLLOWED)
    assert not body(side_by_side(found, SIDE_BY_SIDE, "score"))


def test_one_legend_serves_all_side_by_side():
    found = [observed("a", params_total=1e9, n_shared_experts=1), observed("b", organisation="Else", params_total=2e9)]
    figure = side_by_side(found, ("params_total", "n_shared_experts"), "organisation")
    entries = [trace.name for trace in figure.data if trace.showlegend is not False]
    assert sorted(entries) == ["Else", "Lab"]
    assert len(body(figure)) == 3
