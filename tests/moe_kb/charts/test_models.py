"""Rows and charts of hyperparameters."""

from __future__ import annotations

import pytest
from moe_kb.figures import models
from moe_kb.figures.models import chosen, configurations, scatter

from moe_kb.charts.palette import COLOURS
from moe_kb.fields import MEASURES, NOT_REPORTED
from moe_kb.format import compact


def row(name: str, **values: object) -> dict[str, object]:
    return {
        **dict.fromkeys(MEASURES),
        **{"label": name, "model": name, "record": f"model:{name}", "organisation": None, "released": None},
        **{"openness": None, "router": None, "activation": None, "described_by": "released config"},
        **{"released_config": True, "places": {}, "disputed": {}},
        **values,
    }


def test_a_configuration_has_its_values_their_places_and_its_disputes(kb):
    (alpha,) = configurations(kb)
    assert alpha["label"] == "Alpha 1B"
    assert alpha["year"] == 2021
    assert alpha["described_by"] == "released config"
    assert alpha["places"]["d_model"] == "Alpha config, config.json"
    assert alpha["disputed"]["d_model"] is False, "512 in the config, 768 in the list, and no note settles it"


def test_an_organisation_is_called_by_its_usual_spelling():
    told = models.spellings(["Moonshot AI", "Moonshot AI", "MoonshotAI", "Ant (Group)", "Ant", "OpenAI", "xAI", "MIT"])
    assert told["MoonshotAI"] == "Moonshot AI"
    assert told["Ant (Group)"] == "Ant"
    assert {told[name] for name in ("OpenAI", "xAI", "MIT")} == {"OpenAI", "xAI", "MIT"}


@pytest.mark.integration
def test_what_a_source_says_of_one_size_fills_what_the_model_leaves_open(real_kb):
    rows = {(r["record"], r["configuration"]): r for r in configurations(real_kb)}
    said = real_kb.rows(
        "SELECT subject, configuration, value FROM claims "
        "WHERE preferred AND field = 'openness' AND configuration IS NOT NULL"
    )
    found = [(rows[one["subject"], one["configuration"]]["openness"], one["value"]) for one in said]
    assert found
    assert all(shown == value for shown, value in found)


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        ({}, ["a", "b", "c"]),
        ({"text": "LAB switch"}, ["a"]),
        ({"openness": ["open"]}, ["a"]),
        ({"openness": [NOT_REPORTED]}, ["c"]),
        ({"organisations": ["Lab"]}, ["a", "b"]),
        ({"years": (2022, 2024)}, ["b"]),
        ({"released_config": True}, ["a", "c"]),
    ],
)
def test_filters(filters, kept):
    rows = [
        row("a", organisation="Lab", openness="open", year=2021, router="switch-top1"),
        row("b", organisation="Lab", openness="closed", year=2023, released_config=False),
        row("c"),
    ]
    assert [r["label"] for r in chosen(rows, **filters)] == kept


def test_a_chart_leaves_out_what_has_no_place_on_it():
    rows = [
        row("whole", params_total=4e9, params_active=1e9),
        row("half", params_total=4e9),
        row("zero", params_total=4e9, params_active=0),
    ]
    figure = scatter(rows, "params_total", "params_active", log_x=True, log_y=True)
    assert [list(trace.x) for trace in figure.data] == [[4e9]]
    linear = scatter(rows, "params_total", "params_active")
    assert sum(len(trace.x) for trace in linear.data) == 2


def test_an_empty_chart_is_a_chart():
    assert len(scatter([], "params_total", "params_active", log_x=True).data) == 0


def test_rare_groups_stand_together_and_unknown_ones_last():
    rows = [row(f"m{n}", organisation=f"o{n // 2}", n_layers=n, d_model=n) for n in range(20)]
    rows.append(row("nobody", n_layers=1, d_model=1))
    figure = scatter(rows, "n_layers", "d_model", colour="organisation")
    names = [trace.name for trace in figure.data]
    assert len(names) == models.SHOWN_GROUPS + 2
    assert names[-2:] == [models.OTHERS, NOT_REPORTED]
    assert sum(len(trace.x) for trace in figure.data) == 21


def test_every_group_has_a_marker_of_its_own():
    rows = [row(f"m{n}", organisation=f"o{n}", n_layers=n, d_model=n) for n in range(6)]
    symbols = [trace.marker.symbol for trace in scatter(rows, "n_layers", "d_model", colour="organisation").data]
    assert len(set(symbols)) == len(symbols), "colour alone must not tell groups apart"


def test_hover_names_the_sources_and_shows_tags_as_text():
    rows = [row("<b>x</b>", n_layers=2, d_model=8, places={"n_layers": "A <i>survey</i>, Table 2"})]
    hover = scatter(rows, "n_layers", "d_model").data[0].text[0]
    assert "A &lt;i&gt;survey&lt;/i&gt;, Table 2" in hover
    assert "&lt;b&gt;x&lt;/b&gt;" in hover


def test_points_grow_in_area_with_the_value():
    rows = [
        row("a", n_layers=1, d_model=1, d_ffn=100),
        row("b", n_layers=2, d_model=1, d_ffn=400),
        row("c", n_layers=3, d_model=1),
    ]
    small, large, none = scatter(rows, "n_layers", "d_model", size="d_ffn").data[0].marker.size
    assert none < small < large
    assert (small - 5) * 2 == pytest.approx(large - 5), "a quarter of the value: half of the diameter"


def test_axes_carry_units_once():
    assert MEASURES["params_active"].title == "Active parameters (per token)"
    assert MEASURES["params_total"].title == "Total parameters"
    assert MEASURES["d_model"].title == "Model width (dimensions)"


@pytest.mark.parametrize(
    ("number", "text"),
    [(None, ""), (671026404352, "671B"), (1.5e12, "1.5T"), (7168, "7,168"), (2.0, "2"), (0.125, "0.125"), (2e6, "2M")],
)
def test_numbers_for_people(number, text):
    assert compact(number) == text


def test_years_stand_in_order_and_the_oldest_together():
    rows = [row(f"m{year}", n_layers=1, d_model=1, year=year) for year in range(2015, 2025)]
    names = [trace.name for trace in scatter(rows, "n_layers", "d_model", colour="year").data]
    assert names == ["before 2019", "2019", "2020", "2021", "2022", "2023", "2024"]


def test_colours_are_told_apart_by_colour_blind_readers():
    rows = [row(f"m{n}", organisation=f"o{n}", n_layers=n, d_model=n) for n in range(6)]
    colours = {trace.marker.color for trace in scatter(rows, "n_layers", "d_model", colour="organisation").data}
    assert len(colours) == 6
    assert colours <= set(COLOURS)
