"""Evaluations, systems, and tables as printed."""

import pytest
from shown import tables
from trees import edit

TABLE = """\
key: third-table
name: Third table
title: Invented systems
source: first-survey
locator: Table 9
about: system
columns:
- {name: optimises_computation, type: boolean, field: optimises_computation, description: Speed}
- {name: optimises_storage, type: boolean, field: optimises_storage, description: Memory}
- {name: stars, printed: Star, type: count, field: stars, unit: stars, scope: as of 2024-06, description: Stars}
rows:
- row: '1'
  label: Gamma
  cells:
    optimises_computation: {printed: ✓, value: true}
    optimises_storage: {printed: ✓, value: true, status: derived, note: The column is inferred.}
    stars: 1.1K
"""


@pytest.fixture
def with_marks(tree):
    (tree / "data/tables/third-table.yaml").write_text(TABLE)
    row = "- {table: third-table, row: '1', subject: 'system:gamma'}\n"
    edit(tree, "data/alignment.yaml", "configs:", f"{row}configs:")


def test_scores_with_their_settings(open_page, texts):
    at = open_page("systems")
    frame = tables(at)[0]
    assert sorted(zip(frame["score"], frame["setting"], strict=True)) == [(45.0, "5-shot"), (46.5, "0-shot")]
    assert "2 of 2 scores have no place on the horizontal axis" in texts(at), "no source gives active parameters"
    at.segmented_control(key="in-against").set_value("params_total").run()
    assert len(at.get("plotly_chart")) == 1


def test_a_setting_can_be_chosen_alone(open_page):
    at = open_page("systems")
    at.pills(key="in-setting").set_value(["0-shot"]).run()
    assert list(tables(at)[0]["score"]) == [46.5]


def test_marks_are_printed_derived_or_unknown(open_page, texts, with_marks):
    at = open_page("systems", key="gamma")
    row = tables(at)[0].iloc[0]
    assert (row["computation"], row["communication"], row["storage"]) == ("● printed", "unknown", "◐ derived")
    assert (row["stars"], row["as_of"]) == (1100, "2024-06")
    assert "The column is inferred" in texts(at).replace("\\", "")
    assert len(at.get("plotly_chart")) == 2


def test_systems_without_any_mark(open_page, texts):
    at = open_page("systems", key="gamma")
    assert tables(at)[0].iloc[0]["computation"] == "unknown"
    assert "Stars are not reported" in texts(at)
    assert "What engines support" not in texts(at)


def test_what_an_engine_supports_has_its_source(open_page, texts, tree):
    claim = "claims:\n- {source: second-list, locator: page 7, field: routing, value: Top-k *only* <b>}\n"
    edit(tree, "data/systems/gamma.yaml", "provenance:", f"{claim}provenance:")
    at = open_page("systems", view="systems")
    assert tables(at)[0].iloc[0]["routing"] == "Top-k *only* <b>"
    at = open_page("systems", key="gamma")
    assert "page 7" in texts(at)
    assert "Top-k *only*" not in texts(at), "nothing of a record acts as markup"


def test_a_former_address_of_a_system(open_page, texts):
    assert open_page("systems", system="gamma").header[0].value == "Gamma"


def test_a_table_as_printed_with_the_record_of_each_row(open_page):
    at = open_page("systems", key="first-table")
    frame = tables(at)[0].set_index("row")
    assert (frame.loc["1", "about"], frame.loc["1", "mmlu"]) == ("Alpha (2021) 1B", "45.0; 46.5")
    assert frame.loc["1", "d_ffn"] == "4*d_model"
    assert frame.loc["2", "about"] is None or frame.isna().loc["2", "about"]
