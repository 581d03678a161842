"""Taxonomies: their trees, what nodes hold, mappings, and the icicle."""

import dataclasses
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
def test_labels_are_whole_and_neighbouring_branches_differ(real_kb):
    for key in ("survey-a", "survey-b"):
        tree = real_kb.tree(f"{key}:")
        for node, label in zip(tree.walk(), icicle(tree).data[0].labels, strict=True):
            lines = unescape(label.replace("<b>", "").replace("</b>", "")).split("<br>")
            assert all(len(line) <= WIDTH for line in lines), label
            assert "".join("".join(lines).split()) == "".join(f"{node.label}{node.under}".split())
    trace = icicle(real_kb.tree("survey-a:")).data[0]
    colours = dict(zip(trace.ids, trace.marker.colors, strict=True))
    branches = ("algorithm/gating-function", "algorithm/experts", "algorithm/training-inference-scheme", "system")
    drawn = [colours[f"survey-a:{branch}"] for branch in branches]
    assert all(left != right for left, right in pairwise(drawn)), "a crowded branch is told apart by its own children"


def test_a_box_is_as_high_as_its_label(kb):
    long = dataclasses.replace(kb.tree("first:system"), label="A label that needs more than one line of its box")
    root = dataclasses.replace(kb.tree("first:"), children=(long,))
    values = icicle(root).data[0].values
    assert list(values) == [2, 2]


def test_nodes_without_a_record_can_be_hidden(kb):
    tree = kb.tree("first:")
    assert [node.node for node in tree.without_empty.walk()] == [
        "", "algorithm", "algorithm/gating", "algorithm/gating/sparse",
    ]  # fmt: skip
    assert [node.node for node in tree.empty] == ["system"]
    assert kb.tree("first:system").without_empty == kb.tree("first:system"), "where nothing is held, all stays"


@pytest.mark.integration
def test_labels_begin_in_upper_case(real_kb):
    labels = [node.label for key in ("survey-a", "survey-b") for node in real_kb.tree(f"{key}:").walk()]
    assert "Mixture of experts applications and domain-specific models" in labels
    assert all(label[0].isupper() for label in labels)
    assert not [label for label in labels if label.isupper() and " " in label]


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
