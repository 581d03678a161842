"""Taxonomies: their trees, what nodes hold, mappings, and the icicle."""

from html import unescape
from itertools import pairwise

import pytest

from moe_kb.charts.taxonomy import WIDTH, icicle


def test_the_icicle_holds_every_node_under_its_parent(kb):
    trace = icicle(kb.tree("first:")).data[0]
    assert dict(zip(trace.ids, trace.parents, strict=True)) == {
        "first:": "", "first:algorithm": "first:", "first:algorithm/gating": "first:algorithm",
        "first:algorithm/gating/sparse": "first:algorithm/gating", "first:system": "first:",
    }  # fmt: skip
    values = dict(zip(trace.ids, trace.values, strict=True))
    assert values["first:"] == values["first:algorithm"] + values["first:system"] == 2
    colours = dict(zip(trace.ids, trace.marker.colors, strict=True))
    assert colours["first:algorithm"] != colours["first:system"]
    assert colours["first:algorithm"] == colours["first:algorithm/gating/sparse"]
    assert icicle(kb.tree("first:"), "algorithm/gating").data[0].level == "first:algorithm/gating"


@pytest.mark.integration
def test_labels_are_short_and_neighbouring_branches_differ(real_kb):
    for key in ("survey-a", "survey-b"):
        for label in icicle(real_kb.tree(f"{key}:")).data[0].labels:
            lines = unescape(label.partition("  <b>")[0]).split("<br>")
            assert all(len(line) <= WIDTH + 4 for line in lines), label
    trace = icicle(real_kb.tree("survey-a:")).data[0]
    colours = dict(zip(trace.ids, trace.marker.colors, strict=True))
    branches = ("algorithm/gating-function", "algorithm/experts", "algorithm/training-inference-scheme", "system")
    drawn = [colours[f"survey-a:{branch}"] for branch in branches]
    assert all(left != right for left, right in pairwise(drawn)), "a crowded branch is told apart by its own children"


def test_nodes_are_named_from_the_root(kb):
    path = ["First survey's taxonomy", "Algorithm", "Gating"]
    assert [label for _, label in kb.ancestors("first:algorithm/gating")] == path
    assert kb.node_labels("first")["first:algorithm/gating/sparse"] == "Algorithm › Gating › Sparse"
    assert kb.node_labels()["second:routers"] == "The list's headings: Routers"


def test_a_node_holds_what_is_below(kb):
    found = kb.node_records("first:algorithm")
    beta, alpha = found["paper"]
    assert (beta.name, alpha.name) == ("Beta", "Alpha")
    assert (alpha.nodes, alpha.printed) == (("Gating › Sparse",), ("Alpha; Alpha-L",))
    assert alpha.placed_by[0].startswith("First survey")
    assert [(row.name, row.runs) for row in found["design"]] == [("Alpha router", True)]
    assert [(row.name, row.through) for row in found["model"]] == [("Alpha", ("Alpha",))]
    assert kb.node_records("first:system") == {"paper": [], "design": [], "model": []}


def test_mappings_read_from_both_sides(kb):
    (there,), (back,) = kb.mappings("first:algorithm/gating"), kb.mappings("second:routers")
    assert (there.node, there.relation) == ("second:routers", "the same as")
    assert (back.node, back.relation) == ("first:algorithm/gating", "the same as")
