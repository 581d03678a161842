"""The designs: matrix, a design's page, side by side."""

from comparisons import result
from shown import tables


def test_the_matrix_shows_typed_properties(open_page):
    table = tables(open_page("designs"))[0].set_index("name")
    assert list(table.index) == ["Alpha router", "Beta router"]
    assert table.loc["Alpha router", "chooser"] == ["each token"]
    assert table.loc["Alpha router", "renormalised"] == ["no"]
    assert table.loc["Beta router", "chooser"] == ["each expert"]


def test_filtering_by_a_property(open_page):
    at = open_page("designs")
    at.multiselect(key="in-chooser").select("expert").run()
    assert (at.query_params["chooser"], list(tables(at)[0]["name"])) == ("expert", ["Beta router"])


def test_what_is_not_stated_can_be_asked_for(open_page):
    at = open_page("designs", renormalised="not stated")
    assert list(tables(at)[0]["name"]) == ["Beta router"]


def test_columns_can_be_chosen(open_page):
    at = open_page("designs", columns="k")
    assert "k" in tables(at)[0]
    assert "chooser" not in tables(at)[0]


def test_a_component_without_designs_says_so(open_page, texts):
    assert "No designs of this component." in texts(open_page("designs", component="loss"))


def test_a_design_shows_its_equation_properties_and_users(open_page, texts):
    at = open_page("design", key="alpha-router")
    words = texts(at)
    assert r"\mathrm{softmax}(W x)_i" in at.latex[0].value
    assert "Each token goes to its best expert." in words
    tables = [table.value for table in at.table]
    assert "$W$ the router's matrix" in words
    properties = next(table for table in tables if "Property" in table).set_index("Property")
    assert properties.loc["Renormalised", "Value"] == "**no**"
    assert "derived" in properties.loc["Renormalised", "Source"]
    labels = [link.label for link in at.get("page_link")]
    assert "Alpha (2021)" in labels
    assert "Beta router" in labels
    assert any("← variant of" in str(badge.value) for badge in at.markdown)
    assert "**In short.** Each token chooses one expert. Weights are used as they are scored." in words
    assert "Used by 0 of 0 models released since 2025" in words


def test_a_design_shows_code_to_copy(open_page, kb):
    snippet, *files = [block.value for block in open_page("design", key="alpha-router").code]
    implementation = kb.implementation_of("alpha-router")
    assert snippet == implementation.snippet.strip()
    assert files[0].strip() == dict(implementation.files)["router.py"].strip()
    assert "class SwitchTop1Router" in files[0]


def test_steps_of_an_algorithm(open_page, texts):
    said = texts(open_page("design", key="beta-router")).replace("\\", "")
    assert "1. Score every token.\n2. Give each expert its best tokens." in said


def test_an_installed_implementation_can_be_run(open_page, kb, texts):
    at = open_page("design", key="alpha-router")
    button = next(button for button in at.button if button.label == "Run it")
    button.click().run()
    assert at.title[0].value == "Lab"
    assert kb.implementation_of("alpha-router").summary in texts(at)


def test_a_design_says_how_far_its_implementation_goes_and_where_it_stands(open_page, texts, with_results):
    with_results(
        result("control-dense", [3.0, 3.1, 3.2], group="control"),
        result("switch-top1-router", [2.8, 2.91, 3.0]),
        result("base", [2.7, 2.79, 2.9]),
        result("switch-top1-router", [None], task="clusters"),
    )
    at = open_page("design", key="alpha-router")
    said = texts(at)
    assert ":green-badge[complete]" in said
    assert "SwitchTransformersSparseMLP" in said.replace("\\", "")
    assert "Text: 2nd of 2 by mean, bits per byte 2.903 ± 0.058, better than dense" in said
    assert "Clusters: failed: the loss is not finite at step 2" in said
    for task in ("text", "clusters"):
        assert f"[See the comparison](evidence?protocol={task}-0&loads=switch-top1-router)" in said


def test_a_design_outside_every_comparison_says_nothing_of_them(open_page, texts, with_results):
    with_results(result("base", [2.7, 2.8]))
    assert "See the comparison" not in texts(open_page("design", key="alpha-router"))


def test_designs_with_and_without_implementation_can_be_told_apart(open_page):
    at = open_page("designs", runs="no")
    assert list(tables(at)[0]["name"]) == ["Beta router"]
    at.segmented_control(key="in-runs").set_value("yes").run()
    assert list(tables(at)[0]["name"]) == ["Alpha router"]
    assert at.segmented_control(key="in-runs").options == ["All 2", "Can be run 1", "Cannot 1"]


def test_a_design_without_implementation_offers_no_run(open_page):
    at = open_page("design", key="beta-router")
    assert "Run it" not in [button.label for button in at.button]


def test_side_by_side_marks_what_differs(open_page):
    at = open_page("compare", keys="alpha-router,beta-router", sources="yes")
    table = at.table[0].value.set_index("Property")
    assert "≠ **Who chooses**" in table.index
    assert "k" in table.index
    assert table.loc["≠ **Who chooses**", "Beta router"].startswith("**each expert**")
    table = at.toggle(key="in-sources").set_value(True).run().table[0].value.set_index("Property")
    assert "[First survey](https://example.org/first), §3" in table.loc["≠ **Who chooses**", "Beta router"]
    at.toggle(key="in-differing").set_value(True).run()
    assert all(name.startswith("≠") for name in at.table[0].value["Property"])


def test_side_by_side_needs_two(open_page, texts):
    at = open_page("compare", keys="alpha-router,no-such")
    assert "No design has the key no-such." in texts(at)
    assert "Two designs or more are needed." in texts(at)
    at.multiselect(key="compared").select("beta-router").run()
    assert (at.query_params["keys"], len(at.table)) == ("alpha-router,beta-router", 1)
