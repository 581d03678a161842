"""Pictures in the pages: where they stand, what they hold, and what is lit."""

import json
from xml.etree import ElementTree

import pytest
from svgs import words_of

SVG = "{http://www.w3.org/2000/svg}"


def pictures(at):
    """What the page's pictures are made of, one a component."""
    told = {element.key: json.loads(element.proto.json) for element in at.get("bidi_component")}
    return {key: data["items"] for key, data in told.items() if "items" in data}


def saved(at):
    """The sheet of all pictures of the page's first component."""
    shown = {element.key: json.loads(element.proto.json) for element in at.get("bidi_component")}
    return next(data["saved"] for key, data in shown.items() if key != "shell")


def lit(svg):
    root = ElementTree.fromstring(svg)
    groups = [group for group in root.iter(f"{SVG}g") if any(child.get("class") == "hot" for child in group)]
    return {name for group in groups for name in group.get("data-part").split()}


def test_design_page_shows_its_picture(open_page):
    ((item,),) = pictures(open_page("design", key="alpha-router")).values()
    assert item["file"] == "alpha-router"
    card, wide = ElementTree.fromstring(item["svg"]), ElementTree.fromstring(item["wide"])
    assert (card.get("width"), wide.get("width")) == ("320", "960")
    assert card.get("aria-label").startswith("Alpha router. ")


def test_gallery_holds_a_card_a_design(open_page):
    at = open_page("designs", show="gallery")
    (items,) = pictures(at).values()
    assert [(item["name"], item["href"], item["note"]) for item in items] == [
        ("Alpha router (2021)", "design?key=alpha-router", "2 users"),
        ("Beta router", "design?key=beta-router", "0 users"),
    ]
    at = open_page("designs", show="gallery", chooser="expert")
    assert [item["record"] for item in pictures(at)["gallery"]] == ["design:beta-router"]


@pytest.mark.integration
def test_long_gallery_grows_when_asked(open_real_page):
    at = open_real_page("designs", show="gallery")
    assert len(pictures(at)["gallery"]) == 24
    (every,) = [toggle for toggle in at.toggle if toggle.label.startswith("Show all")]
    at = every.set_value(True).run()
    assert len(pictures(at)["gallery"]) >= 98
    assert at.query_params["all"] == "yes"


@pytest.mark.integration
def test_comparison_lights_what_differs(open_real_page):
    at = open_real_page("compare", keys="noisy-top-k,switch-top1-router,load-loss")
    items = pictures(at)["comparison"]
    assert [item["href"] for item in items] == ["design?key=noisy-top-k", "design?key=switch-top1-router"], "no loss"
    for item in items:
        assert {"order", "renormalised", "noise"} <= lit(item["svg"])
        assert not {"granularity", "score"} & lit(item["svg"])
        assert item["name"]


def test_lineage_links_to_pages(open_page):
    ((item,),) = pictures(open_page("designs", show="lineage")).values()
    assert item["poster"]
    assert 'href="design?key=alpha-router"' in item["svg"]


def test_models_layers_have_two_forms_and_a_named_file(open_page, sizable):
    ((item,),) = pictures(open_page("model", key="alpha")).values()
    assert item["file"] == "alpha-1B"
    narrow, wide = words_of(item["svg"]), words_of(item["wide"])
    assert sorted(narrow) == sorted(wide)
    for text in ("Decoder: 4 layers", "MoE layer: 1 of 8 experts", "Token embedding", "Router: Alpha router"):
        assert text in wide
    assert "Alpha 1B" in words_of(item["saved"])


@pytest.mark.parametrize(("kind", "keys"), [("design", "alpha-router,beta-router"), ("model", "alpha,copy|1B")])
def test_both_kinds_are_compared_in_one_way(open_page, sizable, kind, keys):
    text = (sizable / "data/models/alpha.yaml").read_text()
    text = text.replace("key: alpha\nname: Alpha", "key: copy\nname: Copy").replace("512", "640")
    (sizable / "data/models/copy.yaml").write_text(text)
    at = open_page("compare", kind=kind, keys=keys)
    items = pictures(at)["comparison"]
    assert len(items) == 2
    for item in items:
        assert item["href"].startswith(f"{kind}?key=")
        assert 'class="hot"' in item["svg"] or 'class="lit"' in item["svg"]
        assert item["name"].partition(" (")[0] in " ".join(words_of(saved(at)["svg"]))
    assert saved(at)["file"] == f"{kind}s"


@pytest.mark.integration
def test_other_components_have_no_picture(open_real_page):
    assert pictures(open_real_page("design", key="load-loss")) == {}
    assert pictures(open_real_page("designs", component="loss", show="gallery")) == {}
