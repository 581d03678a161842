"""Everything in the database is described, and every view answers."""

import sqlite3

import pytest
from databases import sql_rows

from moe_kb.db.ddl import SEARCH_TABLES
from moe_kb.db.schema import OWNED, TABLES
from moe_kb.db.views import GATING_PROPERTIES, VIEWS
from moe_kb.records import GatingProperties


@pytest.fixture
def dictionary(kb):
    return {(row["table_name"], row["column_name"]): row for row in sql_rows(kb, "SELECT * FROM dictionary")}


def test_every_table_view_and_column_has_a_description(kb, dictionary):
    connection = sqlite3.connect(kb.database)
    names = connection.execute("SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view')").fetchall()
    shadows = tuple(f"{table}_" for table in SEARCH_TABLES)
    named = {name for name, _ in names if not name.startswith("sqlite_")}
    named -= {n for n in named if n.startswith(shadows) and n not in SEARCH_TABLES}
    assert named == {table for table, column in dictionary if not column}
    assert set(VIEWS) <= {table for (table, column), row in dictionary.items() if row["kind"] == "view"}
    for name in named:
        assert len(dictionary[name, ""]["description"]) > 5
        if name in SEARCH_TABLES:
            continue
        for column in connection.execute(f"PRAGMA table_info({name})"):
            description = dictionary[name, column[1]]["description"]
            assert description.strip(), (name, column[1])
            assert description != column[1].replace("_", " "), f"{name}.{column[1]} is only named"
    connection.close()


def test_views_have_the_columns_described(kb, dictionary):
    for view in VIEWS:
        columns = [column for table, column in dictionary if table == view and column]
        assert columns
        assert all(list(row) == columns for row in sql_rows(kb, f"SELECT * FROM {view}"))


def test_columns_of_views_have_descriptions_of_their_own(dictionary):
    columns = "papers_with_placements.key gating_designs_compared.experts_per_token gating_designs_compared.score"
    columns += " hyperparameters.experts_per_token scores.score scores.subject sources_by_use.claims"
    said = {name: dictionary[tuple(name.split("."))]["description"] for name in columns.split()}
    assert (len(set(said.values())), said["papers_with_placements.key"]) == (len(said), "Key")
    assert said["sources_by_use.claims"].startswith("Number")
    assert "logits" in said["gating_designs_compared.score"]


def test_views_answer_on_the_fabricated_tree(kb):
    assert {(r["key"], r["node"]) for r in sql_rows(kb, "SELECT * FROM papers_with_placements")} == {
        ("alpha", "algorithm/gating/sparse"),
        ("beta", "algorithm/gating"),
    }
    compared = {r["key"]: r for r in sql_rows(kb, "SELECT * FROM gating_designs_compared")}
    assert compared["alpha-router"]["chooser"] == "token"
    assert compared["alpha-router"]["renormalised"] == "no"
    assert compared["beta-router"]["k"] is None
    (row,) = sql_rows(kb, "SELECT * FROM hyperparameters")
    assert (row["model"], row["configuration"], row["d_model"], row["n_layers"]) == ("alpha", "1B", 512, 4)
    assert (row["activation"], row["router"]) == ("relu", "alpha-router")
    assert [r["field"] for r in sql_rows(kb, "SELECT * FROM open_disagreements")] == ["d_model"]
    assert {(r["score"], r["setting"]) for r in sql_rows(kb, "SELECT * FROM scores")} == {
        (45, "5-shot"),
        (46.5, "0-shot"),
    }
    users = {r["user"] for r in sql_rows(kb, "SELECT * FROM models_by_router WHERE design = 'alpha-router'")}
    assert users == {"alpha", "beta"}
    used = {r["key"]: r["claims"] for r in sql_rows(kb, "SELECT * FROM sources_by_use")}
    assert used["first-survey"] > used["second-list"] > 0


def test_gating_views_have_every_property():
    assert tuple(GATING_PROPERTIES) == tuple(GatingProperties.model_fields)


def test_tables_belong_to_records_or_the_whole():
    tables = {str(table.__tablename__) for table in TABLES}
    whole = {"meta", "dictionary", "files", "taxonomies", "nodes", "node_ancestors", "mappings", "disagreements"}
    assert tables - set(OWNED) == whole | {
        *(
            "waivers",
            "organisations",
            "short_forms",
            "words",
            "glossary",
            "routes",
            "guide_answers",
            "guide_rules",
            "route_stops",
            "implementations",
            "result_runs",
            "results",
        )
    }
    assert all("record" in table.model_fields for table in TABLES if str(table.__tablename__) in OWNED)


@pytest.mark.parametrize("base", ["kb", pytest.param("real_kb", marks=pytest.mark.integration)])
def test_references_hold_and_one_claim_is_preferred(base, request):
    kb = request.getfixturevalue(base)
    missing = sql_rows(
        kb,
        "SELECT 'claims' AS t, source FROM claims WHERE source NOT IN (SELECT key FROM sources) UNION "
        "SELECT 'edges', head FROM edges WHERE head LIKE 'paper:%' AND head NOT IN (SELECT record FROM records) UNION "
        "SELECT 'placements', node FROM placements WHERE (taxonomy, node) NOT IN (SELECT taxonomy, node FROM nodes)",
    )
    assert missing == []
    grouped = "FROM claims GROUP BY subject, configuration, field, setting"
    assert {row["n"] for row in sql_rows(kb, f"SELECT sum(preferred) AS n {grouped}")} == {1}
