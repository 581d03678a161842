"""The facade: records by name, trees, claims, opening and refreshing."""

from __future__ import annotations

import pytest
from trees import edit, small_tree

import moe_kb
from moe_kb import errors
from moe_kb.corpus import Corpus
from moe_kb.errors import AmbiguousKeyError, CheckFailedError, MoeKbError, NotFoundError
from moe_kb.kb import KnowledgeBase, open_kb
from moe_kb.paths import default_database
from moe_kb.records import Accelerator, Design, Model, Paper, Source, System, Table

BETA = "data/papers/2020/beta.yaml"


def test_the_package_offers_open_and_nothing_unknown():
    assert moe_kb.open is open_kb
    assert moe_kb.KnowledgeBase is KnowledgeBase
    with pytest.raises(AttributeError, match="has no attribute 'close'"):
        _ = moe_kb.close


def test_records_are_typed_by_name_or_key(kb):
    kinds = {"paper:alpha": Paper, "  BETA ": Paper, "Paper:Beta": Paper, "model:alpha": Model, "alpha-router": Design}
    kinds |= {"gamma": System, "zeta": Accelerator, "alpha-config": Source, "first-table": Table}
    assert {name: type(kb.get(name)) for name in kinds} == kinds
    assert kb.paper("paper:alpha") == kb.paper("alpha") == kb.get("paper:alpha")
    for method, key in ((kb.design, "alpha-router"), (kb.system, "gamma"), (kb.source, "second-list")):
        assert method(key) == kb.get(key)
    assert (kb.model("alpha"), kb.table("first-table")) == (kb.get("model:alpha"), kb.get("first-table"))


def test_records_are_read_back_as_written(kb, tree):
    for name, record in Corpus.load(tree).records.items():
        assert kb.get(name) == record


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("alpa-router", r"no record 'alpa-router'\. Did you mean: alpha-router"),
        ("paper:alph", r"no paper 'alph'\. Did you mean: alpha"),
        ("zzz", r"no record 'zzz'\. Try: moe-kb search zzz"),
        ("book:alpha", r"unknown kind of record 'book'\. Kinds: paper, design"),
        ("", "no record ''"),
        ("paper:", "no paper ''"),
        ("a:b:c", "unknown kind of record 'a:b'"),
        ("x' OR 1=1 --", "no record"),
        ("\ud800", "no record"),
        ("a\x00b", "no record"),
    ],
)
def test_an_unknown_name_is_a_clear_error(kb, name, message):
    with pytest.raises(NotFoundError, match=message):
        kb.get(name)


def test_names_that_fit_badly_are_clear_errors(kb):
    with pytest.raises(AmbiguousKeyError, match=r"'alpha' is the key of model:alpha, paper:alpha\. Use the full name"):
        kb.get("alpha")
    with pytest.raises(NotFoundError, match=r"'model:alpha' is not a paper"):
        kb.paper("model:alpha")
    with pytest.raises(NotFoundError, match="no model 'beta'"):
        kb.model("beta")


def test_briefs_are_sorted_and_show_years(kb):
    labels = [brief.label for brief in kb.briefs()]
    assert labels == sorted(labels, key=str.casefold)
    assert [brief.label for brief in kb.briefs("paper")] == ["Alpha (2021)", "Beta (2020)"]
    assert kb.brief("gamma").label == "Gamma"
    assert kb.path_of("beta") == BETA


def test_nodes_are_named_as_shortly_as_is_clear(kb):
    for name in ("first:algorithm/gating", "algorithm/gating", "gating", "node:first:algorithm/gating"):
        assert kb.resolve_node(name) == "first:algorithm/gating"
    others = {"first": "first:", "first:": "first:", "routers": "second:routers", "/algorithm/": "first:algorithm"}
    assert {name: kb.resolve_node(name) for name in others} == others


@pytest.mark.parametrize("name", ["gate", "", ":", "second:gating", "third:x", "\ud800"])
def test_an_unknown_node_is_a_clear_error(kb, name):
    with pytest.raises(NotFoundError, match=r"there is no taxonomy node '.*'\. (See|Did you mean)"):
        kb.resolve_node(name)


def test_ambiguous_nodes_need_their_full_name(tree):
    edit(tree, "taxonomy/second.yaml", "label: Routers}", "label: Routers}\n- {id: system, label: System}")
    kb = open_kb(tree, database=tree.parent / "kb.db")
    with pytest.raises(AmbiguousKeyError, match="first:system, second:system"):
        kb.resolve_node("system")


def test_trees_count_at_and_under_each_node(kb):
    top = kb.tree("first")
    counts = [(item.node.rpartition("/")[2], item.placed, item.under, item.level) for item in top.walk()]
    assert counts == [
        ("", 0, 3, 0),
        ("algorithm", 0, 3, 1),
        ("gating", 1, 3, 2),
        ("sparse", 2, 2, 3),
        ("system", 0, 0, 1),
    ]
    assert kb.tree("gating").name == "first:algorithm/gating"
    assert [child.label for child in top.children] == ["Algorithm", "System"]


def test_what_is_placed_at_a_node(kb):
    under = {placed.record: placed.node for placed in kb.placed("gating")}
    sparse = "algorithm/gating/sparse"
    assert under == {"design:alpha-router": sparse, "paper:alpha": sparse, "paper:beta": "algorithm/gating"}
    assert [placed.record for placed in kb.placed("gating", below=False)] == ["paper:beta"]
    (alpha,) = [placed for placed in kb.placed("sparse") if placed.kind == "paper"]
    assert (alpha.printed_as, alpha.source, alpha.locator) == ("Alpha; Alpha-L", "first-survey", "Figure 1")


def test_taxonomies_say_where_they_are_from(kb):
    assert [(taxonomy.key, taxonomy.source, taxonomy.n_nodes) for taxonomy in kb.taxonomies()] == [
        ("first", "first-survey", 5),
        ("second", "second-list", 2),
    ]


def test_the_preferred_value_and_the_others(kb):
    value = kb.value("model:alpha", "d_model", configuration="1B")
    assert (value.value, value.source, value.place) == (512, "alpha-config", "alpha-config, config.json")
    with pytest.raises(NotFoundError, match=r"no source gives 'colour' for model:alpha\. Known: .*d_model"):
        kb.value("model:alpha", "colour", configuration="1B")
    with pytest.raises(NotFoundError, match="no source gives 'd_model' for model:alpha"):
        kb.value("model:alpha", "d_model")


def test_edges_carry_their_source(kb):
    edges = {(edge.head, edge.type, edge.tail): edge.source for edge in kb.edges("paper:alpha")}
    assert edges["paper:alpha", "extends", "paper:beta"] == "first-survey"
    assert edges["paper:alpha", "introduces", "design:alpha-router"] == "first-survey"
    assert edges["model:alpha", "described-by", "paper:alpha"] == "first-survey"
    assert "taxonomy:first" in {edge.tail for edge in kb.edges("node:first:system") if edge.type == "is-a"}


def test_opening_refreshes_unless_told_not_to(kb, tree):
    edit(tree, BETA, "name: Beta\n", "name: Beta Two\n")
    assert open_kb(tree, database=kb.database, refresh=False).paper("beta").name == "Beta"
    second = open_kb(tree, database=kb.database)
    assert second.paper("beta").name == "Beta Two"
    assert second.content_hash != kb.content_hash
    assert second.stale is None
    kb.database.write_bytes(b"damaged")
    assert open_kb(tree, database=kb.database).paper("beta").name == "Beta Two"


def test_broken_trees_answer_from_their_old_database(tree, database):
    edit(tree, BETA, "year: 2020", "year: soon")
    kb = open_kb(tree, database=database)
    assert kb.paper("beta").year == 2020
    assert BETA in str(kb.stale)
    with pytest.raises(CheckFailedError, match=BETA):
        open_kb(tree, database=tree.parent / "new.db")


def test_the_root_is_given_or_in_the_environment(tree, monkeypatch, tmp_path):
    monkeypatch.setenv("MOE_KB_ROOT", str(tree))
    assert {b.key for b in open_kb().briefs("paper")} == {"alpha", "beta"}
    with pytest.raises(NotFoundError, match=r"holds no data/ folder\. Give --root"):
        open_kb(tmp_path / "nowhere")
    monkeypatch.setenv("MOE_KB_ROOT", str(tmp_path / "nowhere"))
    with pytest.raises(NotFoundError, match="holds no data/ folder"):
        open_kb()


def test_trees_have_databases_of_their_own(tmp_path):
    trees = [small_tree(tmp_path / name) for name in ("one", "two")]
    databases = {default_database(tree) for tree in trees}
    assert len(databases) == 2
    assert not any(database.is_relative_to(tree) for database in databases for tree in trees)


def test_every_error_of_ours_is_one_kind():
    ours = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, Exception)]
    assert len(ours) >= 7
    assert all(issubclass(e, MoeKbError) for e in ours)


def test_no_text_of_a_user_becomes_sql(kb):
    assert kb.search("'; DROP TABLE papers; --") == []
    with pytest.raises(NotFoundError):
        kb.claims("x'); DROP TABLE claims; --")
    assert kb.claims("paper:alpha", field="x' OR '1'='1") == []
    assert len(kb.briefs("paper")) == 2
