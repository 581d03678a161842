"""Measures of configurations through time, and their charts."""

from __future__ import annotations

import math

import pytest
from configurations import body, row
from trees import edit, small_tree

from moe_kb.charts.palette import GREY
from moe_kb.fields import NOT_REPORTED
from moe_kb.figures import models, trend_charts, trends
from moe_kb.figures.trend_terms import FOLLOWED, SIDE_BY_SIDE, TRENDS
from moe_kb.kb import open_kb

LOSS = """\
key: load-balancing-loss
name: Balance loss
component: loss
usages:
- {source: first-survey, locator: §2, by: 'paper:beta', role: introduces}
provenance:
- {source: first-survey, fields: [name]}
"""
VARIANT = """\
key: own-balance-loss
name: Own balance loss
component: loss
relations:
- {source: first-survey, locator: §2, kind: variant-of, to: 'design:load-balancing-loss'}
usages:
- {source: first-survey, locator: §4, by: 'paper:alpha', role: uses}
provenance:
- {source: first-survey, fields: [name]}
"""
OTHER = VARIANT.replace("own-balance-loss", "other-loss").replace("kind: variant-of", "kind: combines")


def made(tmp_path, changes: dict[str, str] | None = None, *edits: tuple[str, str]):
    root = small_tree(tmp_path / "tree", changes)
    for old, new in edits:
        edit(root, "data/models/alpha.yaml", old, new)
    (alpha,) = trends.rows(open_kb(root, database=tmp_path / "kb.db"))
    return alpha


# --- rows --------------------------------------------------------------------------------------------------------


def test_a_configuration_has_every_measure_with_its_source(tmp_path):
    alpha = made(tmp_path)
    assert alpha["chosen_share"] == 100 / 8
    assert alpha["granularity"] == 1, "relu, 4 d_model wide: as many weights as the usual dense network"
    assert alpha["segmentation"] == 1
    assert alpha["n_shared_experts"] == 1
    assert alpha["moe_share"] == 75
    assert alpha["score"] == "softmax"
    assert alpha["router"] == "Alpha router"
    assert alpha["attention_width"] == 512
    assert alpha["active_share"] is None, "no source gives active parameters"
    assert alpha["balancing"] is None
    assert alpha["places"]["released"] == "First survey, Table 1, row 1"
    assert trends.source_of(alpha, "chosen_share") == "Alpha config, config.json"
    assert trends.disputed(alpha, "granularity"), "two sources give two widths"
    assert not trends.disputed(alpha, "chosen_share")


def test_gated_experts_have_three_matrices_and_projected_ones_their_own_width(tmp_path):
    gated = (
        "          d_expert: 2048\n          activation: relu",
        "          d_expert: 2048\n          activation: swiglu",
    )
    assert made(tmp_path / "a", None, gated)["granularity"] == pytest.approx(2 / 3)
    projected = (gated[0], gated[0].replace("d_expert: 2048", "d_expert: 2048\n          d_latent: 128"))
    assert made(tmp_path / "b", None, projected)["granularity"] == 4


def test_a_bias_a_loss_of_its_paper_and_both(tmp_path):
    bias = ("score: softmax}", "score: softmax, selection_bias: true}")
    losses = {"data/designs/loss/load-balancing-loss.yaml": LOSS, "data/designs/loss/own-balance-loss.yaml": VARIANT}
    assert made(tmp_path / "a", None, bias)["balancing"] == trends.BIAS
    alone = made(tmp_path / "b", losses)
    assert alone["balancing"] == trends.LOSS
    assert alone["places"]["balancing"] == "First survey, §4"
    both = made(tmp_path / "c", losses, bias)
    assert both["balancing"] == trends.BOTH
    assert both["places"]["balancing"] == "Alpha config, config.json; First survey, §4"


def test_a_loss_that_is_no_relative_of_the_balance_loss_balances_nothing(tmp_path):
    losses = {"data/designs/loss/load-balancing-loss.yaml": LOSS, "data/designs/loss/other-loss.yaml": OTHER}
    assert made(tmp_path, losses)["balancing"] is None


@pytest.mark.parametrize(("weight", "kind"), [("0.01", trends.LOSS), ("0.0", trends.NONE)])
def test_a_weight_in_the_configuration_speaks_for_itself(tmp_path, weight, kind):
    claim = f"- {{source: alpha-config, locator: config.json, field: w_aux, value: {weight}, configuration: 1B}}\n"
    alpha = made(tmp_path, None, ("provenance:", f"{claim}provenance:"))
    assert alpha["balancing"] == kind
    assert alpha["places"]["balancing"] == "Alpha config, config.json"


def test_layers_of_a_fixed_hash_are_told(tmp_path):
    assert made(tmp_path, None, ("score: softmax}", "order: hash}"))["balancing"] == trends.HASH


@pytest.mark.parametrize(
    ("printed", "layers", "share"),
    [
        ("1", 12, 100),
        ("1/2", None, 50),
        ("1/4, add extra FFN", 27, 25),
        ("1, except 1st layer", 28, 100 * 27 / 28),
        ("1, except first 3 layers", 61, 100 * 58 / 61),
        ("1, except first 3 layers", None, None),
        ("somewhere", 12, None),
    ],
)
def test_a_printed_placement_is_computed(printed, layers, share):
    found = trends._moe_share({"n_layers": layers, "n_moe_layers": None, "moe_placement": printed})
    assert found == (share if share is None else pytest.approx(share))


def test_without_shared_experts_printed_counts_are_those_of_routed_ones():
    one = row("a", n_shared_experts=0, n_experts_total=64, n_experts_active=2, places={"n_experts_total": "Table 1"})
    trends._count(one)
    assert (one["n_routed_experts"], one["experts_per_token"]) == (64, 2)
    assert one["places"]["n_routed_experts"] == "Table 1"
    other = row("b", n_shared_experts=1, n_experts_total=64, n_experts_active=2)
    trends._count(other)
    assert other["n_routed_experts"] is None, "whether the count includes the shared one is not said"


def test_the_largest_configuration_of_each_model_is_kept():
    found = [row("a", params_total=1), row("a", params_total=3), row("b")]
    assert trends.largest(found) == found[1:]


def test_years_have_medians_where_there_are_enough():
    found = [row("a", year=2024, chosen_share=share) for share in (1.0, 2.0, 3.0, 4.0, 5.0)]
    found += [row("b", year=2025, chosen_share=9.0), row("c", released=None, year=None, chosen_share=7.0)]
    assert trends.yearly(found, "chosen_share") == [(2024, 2, 3, 4, 5)]


def test_the_commonest_word_of_a_year():
    found = [row("a", score=score) for score in ("softmax", "sigmoid", "softmax")]
    assert trends.commonest(found, "score") == [(2024, "softmax", 2, 3)]


def test_a_definition_is_read_from_the_records(tmp_path, kb):
    assert trends.definition(kb, "granularity") is None, "this tree has no such design"
    assert trends.definition(kb, "chosen_share") is None


# --- charts ------------------------------------------------------------------------------------------------------


def test_every_mark_leads_to_its_record_and_says_where_it_was_read():
    one = row(
        "<a>",
        n_routed_experts=64,
        experts_per_token=8,
        chosen_share=12.5,
        zero=4,
        places={"n_routed_experts": "Config", "experts_per_token": "Table <2>"},
        disputed={"experts_per_token": False},
    )
    (trace,) = body(trend_charts.by_date([one], "chosen_share", "organisation"))
    assert trace.customdata == ("model:<a>",)
    said = trace.text[0]
    assert "&lt;a&gt;" in said
    assert "March 2024" in said
    assert "12.5 %</b>" in said.replace(" ≠", "")
    assert "≠" in said
    assert "Table &lt;2&gt;" in said
    assert "4 experts without computation" in said


def test_marks_known_only_by_the_year_are_hollow_and_the_legend_is_not():
    found = [row("a", n_shared_experts=1, released="2024"), row("b", n_shared_experts=2)]
    figure = trend_charts.by_date(found, "n_shared_experts", "organisation")
    (trace,) = body(figure)
    assert trace.marker.symbol == ("circle-open", "circle")
    (entry,) = [one for one in figure.data if one.name == "Lab" and one.showlegend is not False]
    assert entry.marker.symbol == "circle"


def test_equal_values_of_one_time_do_not_hide_one_another():
    found = [row(name, experts_per_token=8) for name in "abcde"]
    (trace,) = body(trend_charts.by_date([*found, row("z", experts_per_token=1)], "experts_per_token", "organisation"))
    assert len({(x, round(math.log10(y), 6)) for x, y in zip(trace.x, trace.y, strict=True)}) == 6
    assert all(7 < y < 9.2 for y in trace.y[:5])


def test_what_is_left_over_or_unknown_is_grey():
    names = [f"Lab {n}" for n in range(models.SHOWN_GROUPS + 2)]
    found = [row(name, organisation=name, params_total=1e9) for name in names] + [
        row("x", organisation=None, params_total=1e9)
    ]
    figure = trend_charts.by_date(found, "params_total", "organisation")
    colours = {trace.name: trace.marker.color for trace in body(figure)}
    assert len(colours) == models.SHOWN_GROUPS + 2
    assert colours[models.OTHERS] == colours[NOT_REPORTED] == GREY
    rest = [colour for name, colour in colours.items() if name not in (models.OTHERS, NOT_REPORTED)]
    assert len(set(rest)) == models.SHOWN_GROUPS
    assert GREY not in rest


def test_words_stand_in_rows_the_commonest_on_top():
    found = [row("a", score="softmax"), row("b", score="softmax"), row("c", score="sigmoid")]
    figure = trend_charts.by_date(found, "score", "organisation")
    assert figure.layout.yaxis.ticktext == ("sigmoid", "softmax")
    assert len(body(figure)[0].x) == 3


def test_medians_are_drawn_where_two_years_have_them():
    found = [
        row(f"{year}{n}", year=year, released=str(year), granularity=n) for year in (2023, 2024) for n in (1, 2, 3)
    ]
    lines = [
        trace
        for trace in trend_charts.by_date(found, "granularity", "organisation").data
        if trace.name == "median of the year"
    ]
    assert [list(line.y) for line in lines] == [[2, 2]]
    assert "3 configurations" in lines[0].text[0]
    assert not [
        trace
        for trace in trend_charts.by_date(found[:3], "granularity", "organisation").data
        if trace.name == "median of the year"
    ]


@pytest.mark.parametrize("found", [[], [row("a")], [row("a", released=None, year=None, params_total=1.0)]])
def test_charts_of_nothing_are_empty_not_broken(found):
    for name in FOLLOWED:
        assert not body(trend_charts.by_date(found, name, "score"))
    assert not body(trend_charts.at_a_glance(found, SIDE_BY_SIDE, "score"))


def test_side_by_side_one_legend_serves_all():
    found = [row("a", params_total=1e9, n_shared_experts=1), row("b", organisation="Else", params_total=2e9)]
    figure = trend_charts.at_a_glance(found, ("params_total", "n_shared_experts"), "organisation")
    entries = [trace.name for trace in figure.data if trace.showlegend is not False]
    assert sorted(entries) == ["Else", "Lab"]
    assert len(body(figure)) == 3


@pytest.mark.integration
def test_on_the_real_data_every_measure_has_marks_and_every_value_a_source(real_kb):
    found = trends.sql_rows(real_kb)
    for name, trend in TRENDS.items():
        drawn = trends.having(found, name)
        assert len(drawn) >= 20, name
        sourceless = [one["label"] for one in drawn if not trends.source_of(one, name)]
        if name != "active_share" and not trend.words:
            assert sourceless == [], name
        figure = trend_charts.by_date(found, name, "score")
        assert sum(len(trace.x) for trace in body(figure)) == len(drawn)
    known = {one["label"]: one for one in found}
    v3 = known["DeepSeek-V3 671B"]
    assert v3["chosen_share"] == 100 * 8 / 256
    assert v3["granularity"] == pytest.approx(8 / 3 * 7168 / 2048)
    assert v3["balancing"] == trends.BOTH
    assert known["GShard 600B"]["balancing"] == trends.LOSS
    assert trends.definition(real_kb, "granularity")["source"] == "deepseekmoe-paper"
