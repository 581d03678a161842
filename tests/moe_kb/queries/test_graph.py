"""Related records by the score that is documented, and paths with the source of every step."""

import math

import pytest
from databases import sql_rows
from trees import FILES, edit, small_tree

from moe_kb.errors import NotFoundError
from moe_kb.kb import open_kb


def test_the_score_is_what_its_documentation_says(kb):
    found = {item.record: item for item in kb.related("paper:alpha")}
    # paper:beta: extends (direct, 3); both use design:alpha-router, at which are alpha, beta, model:alpha and
    # beta-router (1/log 4); they share the author Bo Writer (0.5).
    assert found["paper:beta"].score == pytest.approx(3 + 1 / math.log(4) + 0.5, abs=1e-3)
    reasons = ("this extends it", "shares the design Alpha router", "shares the author Bo Writer")
    assert found["paper:beta"].reasons == reasons
    # design:beta-router: shares design:alpha-router.
    assert found["design:beta-router"].score == pytest.approx(1 / math.log(4), abs=1e-3)
    # design:alpha-router: introduced (3), shares the node "sparse" (two records there), and paper:beta and model:alpha.
    assert found["design:alpha-router"].score >= 3 + 1 / math.log(2)
    assert "this introduces it" in found["design:alpha-router"].reasons
    assert "shares the place Sparse (first)" in found["design:alpha-router"].reasons


def test_the_best_come_first_and_never_the_record_itself(kb):
    for brief in kb.briefs():
        found = kb.related(brief.record)
        assert [item.score for item in found] == sorted((item.score for item in found), reverse=True)
        assert brief.record not in {item.record for item in found}
        assert all(item.reasons and item.score > 0 for item in found)
    assert len(kb.related("paper:alpha", limit=1)) == 1


def test_direct_edges_say_in_which_direction(kb):
    found = {item.record: item.reasons for item in kb.related("paper:beta")}
    assert "it extends this" in found["paper:alpha"]
    assert "it described-by this" in found["system:gamma"]


def test_citations_and_edges_to_itself_do_not_count(tree):
    edit(tree, "data/papers/2021/alpha.yaml", "kind: extends, to: 'paper:beta'", "kind: cites, to: 'paper:beta'")
    edit(tree, "data/designs/gating/beta-router.yaml", "to: 'design:alpha-router'", "to: 'design:beta-router'")
    kb = open_kb(tree, database=tree.parent / "kb.db")
    found = {item.record: item.reasons for item in kb.related("paper:alpha")}
    assert "this cites it" not in found["paper:beta"]
    assert kb.related("design:beta-router") == []


def test_a_record_that_nothing_touches_has_no_relatives(kb):
    assert kb.related("source:second-list") == []


def test_a_path_names_every_edge_with_its_source(kb):
    (step,) = kb.path("paper:alpha", "paper:beta")
    assert (step.start, step.type, step.forward, step.end) == ("paper:alpha", "extends", True, "paper:beta")
    assert (step.source, step.locator, step.status) == ("first-survey", "§2", "reported")
    (back,) = kb.path("paper:beta", "paper:alpha")
    assert (back.start, back.forward, back.end) == ("paper:beta", False, "paper:alpha")
    steps = kb.path("system:gamma", "model:alpha")
    assert [step.start for step in steps] == ["system:gamma", *(step.end for step in steps[:-1])]
    assert steps[-1].end == "model:alpha"
    assert all(step.source for step in steps)


def test_a_path_prefers_relations_to_taxonomy_nodes(kb):
    assert [step.type for step in kb.path("design:alpha-router", "paper:alpha")] == ["introduces"]


def test_no_path_leads_over_a_root_or_a_citation(tree):
    edit(tree, "data/papers/2021/alpha.yaml", "kind: extends", "kind: cites")
    edit(
        tree,
        "data/designs/gating/alpha-router.yaml",
        "- source: first-survey\n  locator: §3\n  by: paper:beta\n  role: uses\n  status: derived\n",
        "",
    )
    edit(tree, "data/papers/2020/beta.yaml", "node: algorithm/gating\n", "node: system\n")
    kb = open_kb(tree, database=tree.parent / "kb.db")
    with pytest.raises(NotFoundError, match="nothing connects paper:alpha and paper:beta yet"):
        kb.path("paper:alpha", "paper:beta")


def test_a_path_to_itself_is_empty_and_to_nothing_an_error(kb):
    assert kb.path("paper:alpha", "paper:alpha") == []
    with pytest.raises(NotFoundError, match="nothing connects"):
        kb.path("paper:alpha", "source:second-list")
    with pytest.raises(NotFoundError, match="there is no"):
        kb.path("paper:alpha", "nowhere")


def test_the_graph_holds_every_record_and_node(kb):
    graph = kb.graph()
    assert {brief.record for brief in kb.briefs()} <= set(graph)
    assert graph.nodes["node:first:system"]["kind"] == "node"
    assert graph.number_of_edges() == sql_rows(kb, "SELECT count(*) AS n FROM edges")[0]["n"]


def test_a_shared_rare_neighbour_says_more_than_a_crowded_one(tmp_path):
    paper = FILES["data/papers/2020/beta.yaml"]
    crowd = {
        f"data/papers/2020/beta{n}.yaml": paper.replace("key: beta", f"key: beta{n}")
        .replace("Learns to Share", f"Learns to Share {n}")
        .replace("authors: [Bo Writer]", f"authors: [Writer {n}]")
        for n in range(20)
    }
    kb = open_kb(small_tree(tmp_path / "tree", crowd), database=tmp_path / "kb.db")
    found = {item.record: item.score for item in kb.related("paper:beta", limit=50)}
    assert found["paper:beta3"] == pytest.approx(1 / math.log(21), abs=1e-3)
    assert found["paper:beta3"] < found["model:alpha"]
