"""The poster of lineage: only recorded edges, labels apart, names that lead to records."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from svgs import misplaced, text_boxes

from moe_kb.pictures.lineage import FAMILIES, draw, family_of
from moe_kb.queries.lineage import TYPES, Adopter, Descendant, Descent, Lineage

SVG = "{http://www.w3.org/2000/svg}"
NAMES = st.text("abc WM<&é", min_size=1, max_size=70).filter(str.strip)


def check_labels(picture):
    assert misplaced(picture, 0.97) == []


@st.composite
def lineages(draw_from):
    names = draw_from(st.lists(NAMES, min_size=1, max_size=14))
    adopters = st.lists(st.builds(Adopter, st.integers(0, 99).map("model:m{}".format), NAMES, st.none()), max_size=9)
    designs = tuple(
        Descendant(
            f"design:d{n}",
            name,
            draw_from(st.sampled_from(["gating", "loss"])),
            draw_from(st.sampled_from([None, "token", "expert", "solver", "fixed", "none"])),
            draw_from(st.sampled_from([None, "softmax", "sigmoid"])),
            draw_from(st.none() | st.integers(1991, 1995)),
            "a date",
            tuple({model.record: model for model in draw_from(adopters)}.values()),
        )
        for n, name in enumerate(names)
    )
    ends = st.sampled_from([design.record for design in designs])
    edges = st.builds(Descent, ends, st.sampled_from(TYPES), ends, st.just("derived"), NAMES, st.none(), st.none())
    return Lineage(designs, tuple(draw_from(st.lists(edges, max_size=12))), 2)


@given(lineages())
def test_labels_never_overlap(lineage):
    check_labels(draw(lineage, links=True))


@pytest.mark.integration
def test_labels_of_the_real_poster_are_apart(real_kb):
    check_labels(real_kb.picture("lineage"))


def edges_drawn(picture):
    root = ElementTree.fromstring(picture.svg)
    return {
        part.get("data-part"): part.find(f"{SVG}title").text for part in root.iter(f"{SVG}g") if part.get("data-part")
    }


@pytest.mark.integration
def test_edges_are_the_recorded_ones(real_kb):
    drawn = edges_drawn(real_kb.picture("lineage"))
    recorded = {
        f"{head} {tail}"
        for head, tail in real_kb.query(
            "SELECT e.head, e.tail FROM edges e JOIN designs h ON h.record = e.head JOIN designs t "
            "ON t.record = e.tail WHERE h.component IN ('gating', 'loss') AND t.component IN ('gating', 'loss') "
            "AND e.type != 'compares'"
        ).rows
    }
    assert set(drawn) == recorded
    assert all(tip.endswith("]") and "[" in tip for tip in drawn.values()), "each names its source"
    tip = drawn["design:switch-top1-router design:gshard-top2"]
    assert tip.startswith("Switch top-1 router is a variant of GShard top-2 router")


@pytest.mark.integration
def test_models_are_those_that_use_a_design(real_kb):
    by_record = {design.record: design for design in real_kb.lineage_of_all().designs}
    users = {
        user.record for user in real_kb.users("deepseek-v3-router") if user.kind == "model" and user.role == "uses"
    }
    assert {model.record for model in by_record["design:deepseek-v3-router"].adopters} == users
    released = [model.released for model in by_record["design:mixtral-top2-router"].adopters if model.released]
    assert released == sorted(released)


def test_dates_say_where_they_come_from(kb):
    designs = {design.record: design for design in kb.lineage_of_all().designs}
    assert designs["design:alpha-router"].dated_by == "year of the work that introduces it"
    assert designs["design:beta-router"].dated_by in (
        "no date is recorded",
        "year of the first paper that introduces it",
    )


def test_time_runs_from_left_to_right():
    old = Descendant("design:old", "Old", "gating", "token", "softmax", 1991, "a date", ())
    lineage = Lineage((old, replace(old, record="design:new", name="New", year=2024)), (), 0)
    x = {box.text: box.left for box in text_boxes(draw(lineage).svg)}
    assert x["Old"] < x["New"]
    assert x["1991"] < x["2024"]


def test_every_design_has_a_family():
    base = Descendant("design:a", "A", "gating", None, None, None, "", ())
    assert family_of(base) == FAMILIES[5]
    assert family_of(replace(base, component="loss", chooser="token")) == FAMILIES[6]
    assert family_of(replace(base, chooser="token", score="softmax")) == FAMILIES[1]
    assert family_of(replace(base, chooser="token", score=None)) == FAMILIES[2]


def test_links_only_where_asked(kb):
    assert "href" not in kb.picture("lineage").svg
    root = ElementTree.fromstring(kb.picture("lineage", links=True).svg)
    linked = {link.get("data-record"): link.get("href") for link in root.iter(f"{SVG}a")}
    assert linked["design:alpha-router"] == "design?key=alpha-router"
    assert linked["model:alpha"] == "model?key=alpha"
    assert root.get("role") == "group"


def test_nothing_recorded_is_a_picture_too():
    picture = draw(Lineage((), (), 0))
    assert "0 designs" in picture.alt
    check_labels(picture)
