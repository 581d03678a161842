"""The page of trade-offs."""

import pytest
from shown import tables
from trees import edit

from moe_kb.analysis.metrics import COST, PERFORMANCE


def test_values_have_sources_and_formulas(open_page, texts, sizable):
    at = open_page("trade_offs")
    assert len(at.get("plotly_chart")) == 1
    row = tables(at)[0].iloc[0]
    assert (row["label"], row["printed"]) == ("Alpha 1B", "Alpha 1B")
    assert row["accuracy-from"] == "First survey, Table 1, row 1"
    assert row["cost-from"] == "computed from Alpha config, config.json"
    assert sorted(row["frontier"]) == ["three", "two"]
    assert r"N_\mathrm{act}" in at.latex[0].value
    assert "measured throughput, latency and price are no metrics here" in texts(at)


def test_scores_of_one_setting_are_shown(open_page, sizable):
    at = open_page("trade_offs")
    assert at.segmented_control(key="in-setting").options == ["0-shot (1)", "5-shot (1)"]
    assert list(tables(at)[0]["accuracy"]) == [46.5]
    at.segmented_control(key="in-setting").set_value("5-shot").run()
    assert (list(tables(at)[0]["accuracy"]), at.query_params["setting"]) == ([45.0], "5-shot")


def test_missing_values_are_listed_with_reasons(open_page, texts):
    at = open_page("trade_offs", cost="weight_bytes")
    assert not at.get("plotly_chart")
    assert len([note for note in at.info if "No configuration has" in note.value]) == 1
    row = tables(at)[0].iloc[0]
    assert row["label"] == "Alpha 1B"
    assert row["cost"].startswith("cannot be sized: tied_embeddings is not given")
    assert row["performance"] == "context length not reported"
    (folded,) = [box for box in at.expander if "a value: which, and why" in box.label]
    assert folded.label == "1 configuration lacks a value: which, and why"
    assert not folded.proto.expanded


def test_widgets_are_those_the_metrics_need(open_page, sizable):
    at = open_page("trade_offs")
    keys = {box.key for box in at.selectbox}
    assert keys == {"in-performance", "in-cost"}
    for cost, needed in (("cache_bytes", {"context"}), ("devices", {"context", "batch", "weights", "accelerator"})):
        at.selectbox(key="in-cost").set_value(cost).run()
        assert {box.key for box in at.selectbox} - keys == {f"in-{name}" for name in needed}
    assert list(tables(at)[0]["cost"]) == [1]


def test_every_metric_and_chart_can_be_chosen(open_page, sizable):
    at = open_page("trade_offs", context="1024", batch="4")
    pictures = ("accuracy-cost", "accuracy-performance", "performance-cost")
    for number, cost in enumerate(COST):
        at.selectbox(key="in-cost").set_value(cost)
        at.selectbox(key="in-performance").set_value(list(PERFORMANCE)[number % len(PERFORMANCE)])
        at.segmented_control(key="in-picture").set_value(pictures[number % 3]).run()
        assert not at.error, cost
        assert len(at.get("plotly_chart")) == 1


@pytest.mark.parametrize("page", ["trade_offs", "axes"])
def test_addresses_old_and_new_are_read(open_page, sizable, page):
    at = open_page(page, cost="cache_bytes", context="1024", picture="performance-cost", performance="<b>", batch="-1")
    assert at.title[0].value == "Trade-offs"
    assert not at.error
    assert (at.selectbox(key="in-cost").value, at.selectbox(key="in-context").value) == ("cache_bytes", 1024)
    assert at.selectbox(key="in-performance").value == "context_length", "nonsense is left out"
    assert at.segmented_control(key="in-picture").value == "performance-cost"


def test_a_tree_without_accelerators_says_so(open_page, sizable):
    (sizable / "data/accelerators/zeta.yaml").unlink()
    at = open_page("trade_offs", performance="throughput")
    assert "no accelerator" in tables(at)[-1].iloc[0]["performance"]


def test_a_tree_without_scores_still_opens(open_page, sizable):
    edit(sizable, "data/tables/first-table.yaml", "  field: mmlu\n", "  field: another\n")
    at = open_page("trade_offs", picture="performance-cost")
    assert not at.error
    assert len(at.get("plotly_chart")) == 1
    assert tables(at)[-1].iloc[0]["accuracy"] == "no score on MMLU"


@pytest.mark.integration
def test_on_the_real_records(open_real_page, texts):
    at = open_real_page("trade_offs")
    assert len(tables(at)[0]) >= 13
    assert at.segmented_control(key="in-setting").options[0].startswith("5-shot (")
    assert "Where this comparison is from" in " ".join(link.label for link in at.get("page_link"))
    at.segmented_control(key="in-benchmark").set_value("gsm8k").run()
    shots = {option.partition(" (")[0] for option in at.segmented_control(key="in-setting").options}
    assert {"8-shot", "5-shot", "3-shot"} <= shots
    at.selectbox(key="in-cost").set_value("device_time").run()
    assert at.selectbox(key="in-accelerator").value == "h100-sxm"
    assert "memory bandwidth" in texts(at)
