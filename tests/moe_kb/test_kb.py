"""The facade: records by name, trees, claims, opening and refreshing."""

from __future__ import annotations

import pytest
from trees import edit, small_tree

import moe_kb
from moe_kb.errors import AmbiguousKeyError, CheckFailedError, MoeKbError, NotFoundError
from moe_kb.kb import KnowledgeBase, open_kb
from moe_kb.records import Accelerator, Design, Model, Paper, Source, System, Table

BETA = "data/papers/2020/beta.yaml"


def test_the_package_offers_open_and_nothing_unknown():
    assert moe_kb.open is open_kb
    assert moe_kb.KnowledgeBase is KnowledgeBase
    with pytest.raises(AttributeError, match="has no attribute 'close'"):
        _ = moe_kb.close


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("paper:alpha", Paper),
        ("model:alpha", Model),
        ("alpha-router", Design),
        ("gamma", System),
        ("zeta", Accelerator),
        ("alpha-config", Source),
        ("first-table", Table),
        ("  BETA ", Paper),
        ("Paper:Beta", Paper),
    ],
)
def test_records_are_typed_by_full_name_or_key(kb, name, kind):
    assert type(kb.get(name)) is kind


def test_each_kind_has_its_own_method(kb):
    assert kb.paper("paper:alpha") == kb.paper("alpha")
    assert kb.design("alpha-router").properties.chooser.value == "token"
    assert kb.model("alpha").configurations[0].label == "1B"
    assert kb.system("gamma").papers == ["beta"]
    assert kb.source("second-list").type == "list"
    assert [row.label for row in kb.table("first-table").rows] == ["Alpha 1B", "Nameless"]


def test_what_is_read_back_is_what_was_written(kb, tree):
    from moe_kb.corpus import Corpus

    for name, record in Corpus.load(tree).records.items():
        assert kb.get(name) == record


def test_a_key_of_several_kinds_lists_them(kb):
    with pytest.raises(AmbiguousKeyError, match=r"'alpha' is the key of model:alpha, paper:alpha\. Use the full name"):
        kb.get("alpha")


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


def test_a_record_of_another_kind_is_not_passed_off(kb):
    with pytest.raises(NotFoundError, match=r"'model:alpha' is not a paper"):
        kb.paper("model:alpha")
    with pytest.raises(NotFoundError, match="no model 'beta'"):
        kb.model("beta")


def test_briefs_are_sorted_by_name_and_show_the_year(kb):
    labels = [brief.label for brief in kb.briefs()]
    assert labels == sorted(labels, key=str.casefold)
    assert [brief.label for brief in kb.briefs("paper")] == ["Alpha (2021)", "Beta (2020)"]
    assert kb.brief("gamma").label == "Gamma"
    assert kb.path_of("beta") == BETA


@pytest.mark.parametrize(
    ("name", "node"),
    [
        ("first:algorithm/gating", "first:algorithm/gating"),
        ("algorithm/gating", "first:algorithm/gating"),
        ("gating", "first:algorithm/gating"),
        ("node:first:algorithm/gating", "first:algorithm/gating"),
        ("first", "first:"),
        ("first:", "first:"),
        ("routers", "second:routers"),
        ("/algorithm/", "first:algorithm"),
    ],
)
def test_nodes_are_named_as_shortly_as_is_clear(kb, name, node):
    assert kb.resolve_node(name) == node


@pytest.mark.parametrize("name", ["gate", "", ":", "second:gating", "third:x", "\ud800"])
def test_an_unknown_node_is_a_clear_error(kb, name):
    with pytest.raises(NotFoundError, match="there is no taxonomy node"):
        kb.resolve_node(name)
    with pytest.raises(NotFoundError, match=r"there is no taxonomy node ''\. See"):
        kb.resolve_node("")


def test_a_node_of_two_taxonomies_must_be_named_in_full(tree):
    edit(
        tree,
        "taxonomy/second.yaml",
        "{id: routers, label: Routers}",
        "{id: routers, label: R}\n- {id: system, label: S}",
    )
    kb = open_kb(tree, database=tree.parent / "kb.db")
    with pytest.raises(AmbiguousKeyError, match="first:system, second:system"):
        kb.resolve_node("system")


def test_the_tree_counts_what_is_at_and_under_each_node(kb):
    top = kb.tree("first")
    counts = {item.node: (item.placed, item.under, item.level) for item in top.walk()}
    assert counts == {
        "": (0, 3, 0),
        "algorithm": (0, 3, 1),
        "algorithm/gating": (1, 3, 2),
        "algorithm/gating/sparse": (2, 2, 3),
        "system": (0, 0, 1),
    }
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


def test_opening_refreshes_and_not_refreshing_does_not(tree, tmp_path):
    database = tmp_path / "kb.db"
    first = open_kb(tree, database=database)
    edit(tree, BETA, "name: Beta\n", "name: Beta Two\n")
    assert open_kb(tree, database=database, refresh=False).paper("beta").name == "Beta"
    second = open_kb(tree, database=database)
    assert second.paper("beta").name == "Beta Two"
    assert second.content_hash != first.content_hash
    assert second.stale is None


def test_while_somebody_edits_the_old_database_answers_and_says_that_it_is_old(tree, tmp_path):
    database = tmp_path / "kb.db"
    open_kb(tree, database=database)
    edit(tree, BETA, "year: 2020", "year: soon")
    kb = open_kb(tree, database=database)
    assert kb.paper("beta").year == 2020
    assert kb.stale is not None
    assert BETA in kb.stale
    with pytest.raises(CheckFailedError, match=BETA):
        open_kb(tree, database=tmp_path / "new.db")


def test_the_root_is_given_or_in_the_environment(tree, monkeypatch, tmp_path):
    monkeypatch.setenv("MOE_KB_ROOT", str(tree))
    assert {b.key for b in open_kb().briefs("paper")} == {"alpha", "beta"}
    with pytest.raises(NotFoundError, match=r"holds no data/ folder\. Give --root"):
        open_kb(tmp_path / "nowhere")
    monkeypatch.setenv("MOE_KB_ROOT", str(tmp_path / "nowhere"))
    with pytest.raises(NotFoundError, match="holds no data/ folder"):
        open_kb()


def test_trees_of_different_places_have_different_databases(tmp_path):
    from moe_kb.paths import default_database

    trees = [small_tree(tmp_path / name) for name in ("one", "two")]
    databases = {default_database(tree) for tree in trees}
    assert len(databases) == 2
    assert not any(database.is_relative_to(tree) for database in databases for tree in trees)


def test_a_damaged_database_is_refreshed_on_opening(tree, tmp_path):
    database = tmp_path / "kb.db"
    open_kb(tree, database=database)
    database.write_bytes(b"damaged")
    assert open_kb(tree, database=database).paper("alpha").key == "alpha"


def test_every_error_of_ours_is_one_kind():
    from moe_kb import errors

    ours = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, Exception)]
    assert len(ours) >= 7
    assert all(issubclass(e, MoeKbError) for e in ours)


def test_no_text_of_a_user_becomes_sql(kb):
    assert kb.search("'; DROP TABLE papers; --") == []
    with pytest.raises(NotFoundError):
        kb.claims("x'); DROP TABLE claims; --")
    assert kb.claims("paper:alpha", field="x' OR '1'='1") == []
    assert len(kb.briefs("paper")) == 2
