"""The comparison of designs, on fabricated results."""

import pytest
from comparisons import result
from shown import tables

TEXT = (
    result("control-dense", [3.0, 3.1, 3.2], group="control"),
    result("switch-top1-router", [2.8, 2.91, 3.0]),
    result("mixtral-top2-router", [2.99, 3.12, 3.19]),
    result("gshard-top2", [1.0, 1.1, 1.2], causal="where nothing is dropped"),
    result("multi-head", [2.9, 3.0, 3.1], group="unmatched", why="active parameters +9% at the nearest width"),
    result("hash-routing", [None, None, None]),
    result("base-assignment", [3.4, None, 3.6]),
)
CLUSTERS = (
    result("switch-top1-router", [0.9, 0.92], task="clusters"),
    result("soft-moe", [0.5, 0.49], task="clusters", causal="no"),
)


def board(at):
    """The table of all designs."""
    return tables(at)[0]


def numbers(at) -> dict[str, str]:
    return {metric.label: metric.value for metric in at.metric}


def test_a_page_without_results_explains_itself(open_page, texts, with_results):
    with_results()
    at = open_page("evidence")
    assert "No comparison has been made yet." in texts(at)
    assert "bench-designs" in texts(at).replace("\\", "")
    assert not tables(at)


def test_text_groups_verdicts_and_ranks(open_page, texts, with_results):
    with_results(*TEXT, *CLUSTERS)
    at = open_page("evidence")
    assert numbers(at) == {
        "Ranked designs": "3", "Better than dense": "1", "Tie with dense": "1", "Worse than dense": "1", "Seeds": "3",
    }  # fmt: skip
    shown = board(at)
    assert list(dict.fromkeys(shown["group"])) == ["Ranked", "Unmatched", "Not causal", "Controls", "Failed"]
    ranked = shown[shown["group"] == "Ranked"]
    assert list(ranked["name"]) == ["Switch top-1 router", "Mixtral router", "BASE layer"]
    assert list(ranked["rank"]) == [1, 2, 3]
    assert list(ranked["places"]) == ["1", "2", "3"]
    assert ranked["dense_error"][0] == pytest.approx(0.00333, abs=1e-4)
    assert [verdict[0] for verdict in ranked["verdict"]] == ["better", "tie", "worse"]
    assert (ranked["information"][0], ranked["dropped"][0]) == (pytest.approx(40), pytest.approx(5))
    notes = dict(zip(shown["group"], shown["note"], strict=True))
    assert notes["Unmatched"] == "active parameters +9% at the nearest width"
    assert notes["Failed"] == "the loss is not finite at step 2"
    assert shown[shown["group"] != "Ranked"]["rank"].isna().all()
    assert "BASE layer (2 of 3 seeds: the loss is not finite at step 2)" in texts(at)
    assert not at.get("plotly_chart")
    assert "a processor, 2 cores" in texts(at)


def test_clusters_show_percent_beside_a_baseline(open_page, with_results):
    with_results(*TEXT, *CLUSTERS)
    at = open_page("evidence", protocol="clusters-0")
    ranked = board(at)
    assert list(ranked["mean"]) == pytest.approx([91, 49.5])
    assert list(ranked["dense"]) == pytest.approx([41, -0.5])
    assert [verdict[0] for verdict in ranked["verdict"]] == ["better", "tie"]
    at.segmented_control(key="in-protocol").set_value("text-0").run()
    assert "protocol" not in at.query_params, "the first one needs no address"
    assert "Failed" in set(board(at)["group"])


def test_one_seed_gives_neither_ranks_nor_verdicts(open_page, texts, with_results):
    with_results(*(result(key, [score]) for key, score in (("hash-routing", 2.0), ("base-assignment", 3.0))))
    at = open_page("evidence")
    assert "One seed says nothing of the spread" in texts(at)
    ranked = board(at)
    assert list(ranked["mean"]) == [2.0, 3.0]
    assert not {"rank", "error", "verdict", "dense"} & set(ranked.columns)
    assert numbers(at)["Better than dense"] == "0"


def test_where_everything_failed_nothing_is_drawn(open_page, texts, with_results):
    with_results(result("hash-routing", [None]), result("base-assignment", [None]))
    at = open_page("evidence")
    assert set(board(at)["group"]) == {"Failed"}
    assert "Every run failed." in texts(at)
    assert not at.get("plotly_chart")


def test_curves_and_loads_can_be_chosen(open_page, texts, with_results):
    with_results(*TEXT)
    at = open_page("evidence", loads="mixtral-top2-router")
    assert at.selectbox(key="in-loads").value == "mixtral-top2-router"
    assert len(at.get("plotly_chart")) == 1
    at.segmented_control(key="in-view").set_value("scores").run()
    assert len(at.get("plotly_chart")) == 1
    at.segmented_control(key="in-view").set_value("curves").run()
    assert "control-dense" in at.multiselect(key="in-shown").value
    at.multiselect(key="in-shown").set_value([]).run()
    at.multiselect(key="in-shown").set_value(["base-assignment"]).run()
    assert at.query_params["shown"] in ("base-assignment", ["base-assignment"])
    assert len(at.get("plotly_chart")) == 1


def test_earlier_keys_in_the_address_are_followed(open_page, with_results):
    with_results(*TEXT)
    at = open_page("evidence", loads="mixtral-top2")
    assert at.selectbox(key="in-loads").value == "mixtral-top2-router"
    at = open_page("evidence", loads="mixtral-top2", shown="base")
    assert at.multiselect(key="in-shown").value == ["base-assignment"]


def test_senseless_addresses_do_no_harm(open_page, with_results):
    with_results(*TEXT)
    at = open_page("evidence", protocol="none", shown="nobody", loads="<b>")
    assert not at.error
    assert at.title[0].value == "Evidence"


def test_a_result_cannot_bring_markup_into_the_page(open_page, texts, with_results):
    with_results(result("**bold** <b>key</b>", [3.0, None, 3.1]))
    said = texts(open_page("evidence"))
    assert "<b>key" not in said.replace("\\<", "")


def test_the_table_filters_by_group_verdict_name(open_page, texts, with_results):
    with_results(*TEXT)
    at = open_page("evidence", group="ranked", verdict="worse")
    assert list(board(at)["name"]) == ["BASE layer"]
    at = open_page("evidence", q="TOP")
    assert list(board(at)["name"]) == ["Switch top-1 router", "GShard top-2 router"]
    assert "No results." in texts(open_page("evidence", q="nothing is called so"))


def test_what_it_cannot_show_comes_first(open_page, texts, with_results):
    with_results(*TEXT)
    said = texts(open_page("evidence"))
    assert "2 of 3 ranked designs against dense pass" in said or "None of the 3 ranked designs" in said
    assert "a t test at 5 % asks for 4.3" in said


@pytest.mark.integration
def test_findings_lead_the_real_page(open_real_page, texts):
    at = open_real_page("evidence")
    assert [header.value.partition(" (")[0] for header in at.header[:3]] == [
        "What agrees",
        "What does not agree",
        "Every design",
    ]
    assert len(tables(at)) == 1
    agrees = at.table[0].value
    assert "survey-a" not in agrees.to_string()
    assert "(evidence?shown=mutual-distillation-loss&shown=mixtral-top2-router)" in agrees["Difference"][0]
    assert "(design?key=mutual-distillation-loss)" in agrees["Designs"][0]
    assert "One learning rate for all, 0.003 at its peak" in texts(at)
