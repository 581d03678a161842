"""The page of trade-offs."""

from __future__ import annotations

import pytest
from conftest import REPOSITORY
from trees import edit

from moe_kb.analysis.metrics import COST, PERFORMANCE


@pytest.fixture
def sizable(tree):
    """Alpha says all that sizing needs, and how long a context it allows."""
    told = "    d_model: 512\n    norm: rms\n    tied_embeddings: true\n    context_length: 2048"
    edit(tree, "data/models/alpha.yaml", "    d_model: 512", told)
    return tree


@pytest.fixture
def real_page(open_page, monkeypatch, tmp_path):
    """Open the page on the real records."""

    def open_it(**query):
        monkeypatch.setenv("MOE_KB_ROOT", str(REPOSITORY))
        return open_page("trade_offs", **query)

    return open_it


def test_values_with_their_sources_and_formulas(open_page, texts, sizable):
    at = open_page("trade_offs")
    assert len(at.get("plotly_chart")) == 2
    row = at.dataframe[0].value.iloc[0]
    assert (row["label"], row["printed"], row["accuracy"], row["performance"]) == ("Alpha 1B", "Alpha 1B", 46.5, 2048)
    assert row["accuracy-from"] == "First survey, Table 1, row 1"
    assert row["cost-from"] == "computed from Alpha config, config.json"
    assert sorted(row["frontier"]) == ["three", "two"]
    assert r"N_\mathrm{act}" in at.latex[0].value
    assert "no measured throughput, latency or price" in texts(at)


def test_scores_of_another_setting_are_never_drawn_beside(open_page, sizable):
    at = open_page("trade_offs")
    assert at.segmented_control(key="in-setting").options == ["0-shot (1)", "5-shot (1)"]
    at.segmented_control(key="in-setting").set_value("5-shot").run()
    assert not at.exception
    assert list(at.dataframe[0].value["accuracy"]) == [45.0]
    assert at.query_params["setting"] == "5-shot"


def test_what_is_missing_is_listed_with_the_reason(open_page, texts):
    at = open_page("trade_offs", cost="weight_bytes")
    assert not at.get("plotly_chart")
    assert len([note for note in at.info if "No configuration has" in note.value]) == 2
    row = at.dataframe[0].value.iloc[0]
    assert row["label"] == "Alpha 1B"
    assert row["cost"].startswith("cannot be sized: tied_embeddings is not given")
    assert row["performance"] == "context length not reported"
    assert "What is missing (1)" in texts(at)


def test_only_what_the_measures_depend_on_is_asked(open_page, sizable):
    at = open_page("trade_offs")
    keys = {box.key for box in at.selectbox}
    assert keys == {"in-performance", "in-cost"}
    at.selectbox(key="in-cost").set_value("cache_bytes").run()
    assert {box.key for box in at.selectbox} - keys == {"in-context"}
    at.selectbox(key="in-cost").set_value("devices").run()
    assert {box.key for box in at.selectbox} - keys == {"in-context", "in-batch", "in-weights", "in-accelerator"}
    assert list(at.dataframe[0].value["cost"]) == [1]


@pytest.mark.parametrize("performance", PERFORMANCE)
@pytest.mark.parametrize("picture", ["accuracy-cost", "accuracy-performance", "performance-cost"])
def test_every_measure_can_be_opened_by_its_address(open_page, sizable, performance, picture):
    costs = list(COST)
    cost = costs[list(PERFORMANCE).index(performance) * 2 + (picture == "performance-cost")]
    at = open_page("trade_offs", performance=performance, cost=cost, picture=picture, context="1024", batch="4")
    assert not at.error
    assert at.selectbox(key="in-cost").value == cost
    assert len(at.get("plotly_chart")) == 2


def test_the_former_address_keeps_what_it_asked(open_page, sizable):
    at = open_page("axes", cost="cache_bytes", context="1024")
    assert at.title[0].value == "Trade-offs"
    assert (at.selectbox(key="in-cost").value, at.selectbox(key="in-context").value) == ("cache_bytes", 1024)


def test_nonsense_in_the_address_is_left_out(open_page, sizable):
    at = open_page(
        "trade_offs", performance="no", cost="<b>", setting="9-shot", benchmark="x", picture="", context="-1"
    )
    assert not at.error
    assert at.selectbox(key="in-cost").value == "params_active"


def test_without_accelerators_the_page_says_so(open_page, sizable, texts):
    (sizable / "data/accelerators/zeta.yaml").unlink()
    at = open_page("trade_offs", performance="throughput")
    assert "no accelerator" in at.dataframe[-1].value.iloc[0]["performance"]


def test_without_scores_the_page_still_opens(open_page, sizable):
    edit(sizable, "data/tables/first-table.yaml", "  field: mmlu\n", "  field: another\n")
    at = open_page("trade_offs", picture="performance-cost")
    assert not at.error
    assert len(at.get("plotly_chart")) == 1
    assert at.dataframe[-1].value.iloc[0]["accuracy"] == "no score on MMLU"


@pytest.mark.integration
def test_on_the_real_records(real_page, texts):
    at = real_page()
    assert len(at.dataframe[0].value) >= 13
    assert at.segmented_control(key="in-setting").options == ["5-shot (14)"]
    assert "Where this comparison is from" in " ".join(link.label for link in at.get("page_link"))
    at.segmented_control(key="in-benchmark").set_value("gsm8k").run()
    assert not at.exception
    assert at.segmented_control(key="in-setting").options == ["8-shot (9)", "5-shot (6)", "3-shot (1)"]
    at.selectbox(key="in-cost").set_value("device_time").run()
    assert at.selectbox(key="in-accelerator").value == "h100-sxm"
    assert "memory bandwidth" in texts(at)
