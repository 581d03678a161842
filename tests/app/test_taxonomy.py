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


def test_the_graph_stands_around_any_record(open_page):
    at = open_page("taxonomy", node="first:algorithm", around="paper:alpha")
    table = tables(at)[-1]
    assert {"→ extends", "→ introduces"} & set(table["edge"])
    assert "Beta" in set(table["name"])


def test_an_unknown_node_is_explained(open_page):
    at = open_page("taxonomy", node="first:algorithm/gateing")
    assert len(at.error) == 1
    assert "there is no taxonomy node" in at.error[0].value
