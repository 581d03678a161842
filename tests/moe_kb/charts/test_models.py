"""Rows and charts of hyperparameters."""

import pytest
from databases import sql_rows

from moe_kb.analysis.groups import OTHERS, SHOWN_GROUPS
from moe_kb.charts.models import scatter
from moe_kb.charts.palette import COLOURS, GREY
from moe_kb.fields import MEASURES, NOT_REPORTED
from moe_kb.format import compact
from moe_kb.queries.models import ConfigurationRow, select_configurations


def row(
    name: str,
    organisation: str | None = None,
    released: str | None = None,
    openness: str | None = None,
    *,
    released_config: bool = True,
    router: str | None = None,
    places: dict[str, str] | None = None,
    **numbers: float,
) -> ConfigurationRow:
    """A fabricated configuration."""
    about = (organisation, released, openness, released_config)
    return ConfigurationRow(f"model:{name}", name, "1B", *about, numbers, {"router": router}, places or {}, {})


def test_a_configuration_has_values_places_and_disputes(kb):
    (alpha,) = kb.configurations()
    assert (alpha.label, alpha.year, alpha.described_by) == ("Alpha 1B", 2021, "released config")
    assert alpha.places["d_model"] == "Alpha config, config.json"
    assert alpha.disputed["d_model"] is False, "512 in the config, 768 in the list, and no note resolves it"


@pytest.mark.integration
def test_claims_of_one_size_fill_what_models_leave_open(real_kb):
    known = {(row.record, row.configuration): row.openness for row in real_kb.configurations()}
    claims = sql_rows(
        real_kb,
        "SELECT subject, configuration, value FROM claims "
        "WHERE preferred AND field = 'openness' AND configuration IS NOT NULL",
    )
    assert claims
    assert all(known[claim["subject"], claim["configuration"]] == claim["value"] for claim in claims)


@pytest.mark.parametrize(("filters", "kept"), [
    ({}, ["a", "b", "c"]), ({"text": "LAB switch"}, ["a"]), ({"openness": ["open"]}, ["a"]),
    ({"openness": [NOT_REPORTED]}, ["c"]), ({"organisations": ["Lab"]}, ["a", "b"]), ({"years": (2022, 2024)}, ["b"]),
    ({"released_config": True}, ["a", "c"]),
])  # fmt: skip
def test_filters(filters, kept):
    rows = [
        row("a", organisation="Lab", openness="open", released="2021-03", router="switch-top1-router"),
        row("b", organisation="Lab", openness="closed", released="2023-05", released_config=False),
        row("c"),
    ]
    assert [found.name for found in select_configurations(rows, **filters)] == kept


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
    assert len(scatter([], "params_total", "params_active", log_x=True).data) == 0


def test_rare_groups_stand_together_and_unknown_ones_last():
    rows = [row(f"m{n}", organisation=f"o{n // 2}", n_layers=n, d_model=n) for n in range(20)]
    rows.append(row("nobody", n_layers=1, d_model=1))
    figure = scatter(rows, "n_layers", "d_model", colour="organisation")
    names = [trace.name for trace in figure.data]
    assert len(names) == SHOWN_GROUPS + 2
    assert names[-2:] == [OTHERS, NOT_REPORTED]
    assert sum(len(trace.x) for trace in figure.data) == 21


def test_every_group_has_its_colour_and_marker():
    rows = [row(f"m{n}", organisation=f"o{n}", n_layers=n, d_model=n) for n in range(6)]
    markers = [trace.marker for trace in scatter(rows, "n_layers", "d_model", colour="organisation").data]
    assert len({marker.symbol for marker in markers}) == len(markers) == 6, "colour alone must not tell groups apart"
    assert len({marker.color for marker in markers} & set(COLOURS)) == 6


def test_hover_names_the_sources_and_shows_tags_as_text():
    rows = [row("<b>x</b>", n_layers=2, d_model=8, places={"n_layers": "A <i>survey</i>, Table 2"})]
    hover = scatter(rows, "n_layers", "d_model").data[0].hovertext[0]
    assert "A &lt;i&gt;survey&lt;/i&gt;, Table 2" in hover
    assert "&lt;b&gt;x&lt;/b&gt;" in hover


def test_points_grow_in_area_with_the_value():
    widths = ({"d_ffn": 100}, {"d_ffn": 400}, {})
    rows = [row(f"m{n}", n_layers=n, d_model=1, **width) for n, width in enumerate(widths, 1)]
    small, large, none = scatter(rows, "n_layers", "d_model", size="d_ffn").data[0].marker.size
    assert none < small < large
    assert (small - 5) * 2 == pytest.approx(large - 5), "a quarter of the value: half of the diameter"


def test_axes_carry_units_once():
    titles = [MEASURES[name].title for name in ("params_active", "params_total", "d_model")]
    assert titles == ["Active parameters (per token)", "Total parameters", "Model width (dimensions)"]


@pytest.mark.parametrize(
    ("number", "text"),
    [(None, ""), (671026404352, "671B"), (1.5e12, "1.5T"), (7168, "7,168"), (2.0, "2"), (0.125, "0.125"), (2e6, "2M")],
)
def test_numbers_for_people(number, text):
    assert compact(number) == text


def test_years_stand_in_order_and_the_oldest_together():
    rows = [row(f"m{year}", n_layers=1, d_model=1, released=str(year)) for year in range(2015, 2025)]
    names = [trace.name for trace in scatter(rows, "n_layers", "d_model", colour="year").data]
    assert names == ["before 2019", "2019", "2020", "2021", "2022", "2023", "2024"]


def names_shown(figure) -> list[str]:
    return [text for trace in figure.data if trace.mode == "markers+text" for text in trace.text if text]


def test_few_points_have_their_names():
    rows = [row(f"m{n}", n_layers=n % 4, d_model=n) for n in range(8)]
    assert sorted(names_shown(scatter(rows, "n_layers", "d_model"))) == [f"m{n} 1B" for n in range(8)]


def test_of_many_the_newest_and_chosen_have_names():
    rows = [row(f"m{n}", released=f"20{n:02}", n_layers=n, d_model=n) for n in range(30)]
    shown = names_shown(scatter(rows, "n_layers", "d_model", named={"m3|1B"}))
    assert {"m3 1B", "m29 1B"} <= set(shown)
    assert len(shown) <= 9
    assert "m5 1B" not in shown


def test_no_name_stands_on_another():
    rows = [row(f"m{n}", n_layers=1, d_model=1) for n in range(9)]
    assert len(names_shown(scatter(rows, "n_layers", "d_model"))) <= 4


def test_what_a_search_leaves_out_is_faint():
    rows = [row(f"m{n}", n_layers=n, d_model=n) for n in range(4)]
    behind, found = scatter(rows[:1], "n_layers", "d_model", behind=rows[1:]).data
    assert (len(behind.x), behind.marker.opacity, behind.mode) == (3, 0.3, "markers")
    assert list(found.x) == [0]


def test_others_are_grey():
    rows = [row(f"m{n}", organisation=f"o{n}", n_layers=n, d_model=n) for n in range(SHOWN_GROUPS + 3)]
    colours = {
        trace.name: trace.marker.color for trace in scatter(rows, "n_layers", "d_model", colour="organisation").data
    }
    assert colours[OTHERS] == GREY
