"""The taxonomy's picture and what nodes hold."""

from __future__ import annotations

from html import unescape

import pytest
from moe_kb.figures import taxonomy


def test_the_icicle_holds_every_node_under_its_parent(kb):
    trace = taxonomy.icicle(kb, "first").data[0]
    parents = dict(zip(trace.ids, trace.parents, strict=True))
    assert parents == {
        "first:": "",
        "first:algorithm": "first:",
        "first:algorithm/gating": "first:algorithm",
        "first:algorithm/gating/sparse": "first:algorithm/gating",
        "first:system": "first:",
    }
    values = dict(zip(trace.ids, trace.values, strict=True))
    assert values["first:"] == values["first:algorithm"] + values["first:system"] == 2


def test_the_icicle_opens_at_a_node(kb):
    assert taxonomy.icicle(kb, "first", "algorithm/gating").data[0].level == "first:algorithm/gating"


def test_neighbouring_branches_differ_in_colour(kb):
    trace = taxonomy.icicle(kb, "first").data[0]
    colours = dict(zip(trace.ids, trace.marker.colors, strict=True))
    assert colours["first:algorithm"] != colours["first:system"]
    assert colours["first:algorithm"] == colours["first:algorithm/gating/sparse"]


@pytest.mark.integration
def test_no_line_of_a_label_is_too_long_to_read(real_kb):
    for key in ("survey-a", "survey-b"):
        for label in taxonomy.icicle(real_kb, key).data[0].labels:
            lines = unescape(label.partition("  <b>")[0]).split("<br>")
            assert all(len(line) <= taxonomy.WIDTH + 4 for line in lines), label


@pytest.mark.integration
def test_a_crowded_branch_is_told_apart_by_its_children(real_kb):
    trace = taxonomy.icicle(real_kb, "survey-a").data[0]
    colours = dict(zip(trace.ids, trace.marker.colors, strict=True))
    gates, experts = colours["survey-a:algorithm/gating-function"], colours["survey-a:algorithm/experts"]
    assert len({gates, experts, colours["survey-a:system"], colours["survey-a:application"]}) == 4


def test_the_trail_leads_from_the_root(kb):
    assert [label for _, label in taxonomy.trail(kb, "first:algorithm/gating")] == [
        "First survey's taxonomy",
        "Algorithm",
        "Gating",
    ]


def test_choices_name_nodes_by_their_labels(kb):
    assert taxonomy.choices(kb, "first")["first:algorithm/gating/sparse"] == "Algorithm › Gating › Sparse"
    assert taxonomy.choices(kb)["second:routers"] == "The list's headings: Routers"


def test_held_counts_what_is_below_and_says_through_which_paper(kb):
    held = taxonomy.held(kb, "first:algorithm")
    assert [row["name"] for row in held["paper"]] == ["Beta", "Alpha"]
    assert held["paper"][1]["nodes"] == ["Gating › Sparse"]
    assert held["paper"][1]["printed"] == ["Alpha; Alpha-L"]
    assert [row["name"] for row in held["design"]] == ["Alpha router"]
    assert [(row["name"], row["through"]) for row in held["model"]] == [("Alpha", ["Alpha"])]


def test_an_empty_node_holds_nothing(kb):
    assert taxonomy.held(kb, "first:system") == {"paper": [], "design": [], "model": []}


def test_crossings_read_from_both_sides(kb):
    there = taxonomy.mappings(kb, "first:algorithm/gating")[0]
    back = taxonomy.mappings(kb, "second:routers")[0]
    assert (there.node, there.relation) == ("second:routers", "the same as")
    assert (back.node, back.relation) == ("first:algorithm/gating", "the same as")
