"""The taxonomy page."""

from shown import tables


def test_opens_at_the_first_survey(open_page, texts):
    at = open_page("taxonomy")
    assert at.segmented_control(key="survey").value == "first"
    assert "Orders invented works by what they change." in texts(at)


def test_a_node_shows_its_meaning_its_works_and_the_crosswalk(open_page, texts):
    at = open_page("taxonomy", node="first:algorithm/gating")
    words = texts(at)
    assert "Who sends tokens where." in words
    assert "[First survey](https://example.org/first), §2" in words
    assert "Both hold routers" in words
    papers, designs, models = tables(at)[:3]
    assert list(papers["name"]) == ["Beta", "Alpha"]
    assert list(designs["name"]) == ["Alpha router"]
    assert list(models["name"]) == ["Alpha"]
    assert papers["placed_by"].iloc[0] == ["First survey, Figure 1"]
    assert list(designs["runs"]) == [True]
    assert "1 can be run in the lab." in words


def test_the_crosswalk_reads_from_either_side(open_page, texts):
    at = open_page("taxonomy", node="second:routers")
    assert "the same as" in texts(at)
    assert at.segmented_control(key="survey").value == "second"


def test_switching_the_survey_goes_to_its_root(open_page):
    at = open_page("taxonomy", node="first:algorithm/gating")
    at.segmented_control(key="survey").set_value("second").run()
    assert (at.query_params["node"], at.header[0].value) == ("second:", "The list's headings")


def test_choosing_a_node_changes_the_address(open_page):
    at = open_page("taxonomy")
    at.selectbox(key="in-node").select("first:system").run()
    assert at.query_params["node"] == "first:system"
    assert "No papers here." in at.info[0].value


def test_the_way_up(open_page):
    at = open_page("taxonomy", node="first:algorithm/gating/sparse")
    at.button(key="up-first:algorithm").click().run()
    assert at.header[0].value == "Algorithm"


def test_the_path_names_the_survey_first(open_page, texts):
    at = open_page("taxonomy", node="first:algorithm/gating")
    labels = [button.label for button in at.button if (button.key or "").startswith("up-")]
    assert labels == ["First survey", "Algorithm"]
    assert "**Gating**" in texts(at)


def test_themes_without_a_record_are_hidden(open_page):
    at = open_page("taxonomy")
    assert at.toggle(key="in-empty").label == "Show 1 without a record"
    drawn = at.get("plotly_chart")[0].proto.spec
    assert "first:algorithm" in drawn
    assert "first:system" not in drawn
    at.toggle(key="in-empty").set_value(True).run()
    assert "first:system" in at.get("plotly_chart")[0].proto.spec
    assert at.query_params["empty"] in ("yes", ["yes"])


def test_a_node_without_records_is_drawn(open_page):
    at = open_page("taxonomy", node="first:system")
    assert "first:system" in at.get("plotly_chart")[0].proto.spec


def test_the_graph_stands_around_any_record(open_page):
    at = open_page("taxonomy", node="first:algorithm", around="paper:alpha")
    table = tables(at)[-1]
    assert {"→ extends", "→ introduces"} & set(table["edge"])
    assert "Beta" in set(table["name"])


def test_an_unknown_node_is_explained(open_page):
    at = open_page("taxonomy", node="first:algorithm/gateing")
    assert len(at.error) == 1
    assert "gateing" in at.error[0].value
