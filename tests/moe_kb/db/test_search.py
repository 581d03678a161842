"""Search: what is found, in which order, and that no text is an error."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from trees import many_papers

from moe_kb.db.search import search
from moe_kb.errors import NotFoundError, QueryError
from moe_kb.kb import open_kb


def keys(hits) -> list[str]:
    return [hit.record for hit in hits]


PAPER, ROUTER = "paper:alpha", "design:alpha-router"
NAMES = {
    PAPER: ["Alpha", "alpha", "ALPHA", "  alpha ", "AlphaMoE", "alphamoe", "paper:alpha"],
    ROUTER: ["Alpha Router", "alpha-router", "AlphaRouter", "ALPHA_ROUTER", "álpha.router", "design:alpha-router"],
    **{"model:alpha": ["model:alpha"], "source:alpha-config": ["source:alpha-config"], "paper:beta": ["Paper:Beta"]},
}


@pytest.mark.parametrize(("record", "text"), [(record, text) for record, texts in NAMES.items() for text in texts])
def test_names_come_first_however_written(kb, record, text):
    first = kb.search(text)[0]
    assert (first.record, first.why) == (record, "name")


def test_papers_come_first_and_sources_last(kb):
    found = keys(kb.search("alpha"))
    assert found[:2] == ["paper:alpha", "model:alpha"]
    assert found.index("design:alpha-router") < found.index("source:alpha-config")
    assert keys(kb.search("survey of invented"))[-1] == "source:first-survey"


def test_years_in_the_wrong_order_are_refused(kb):
    with pytest.raises(QueryError, match=r"the start, 2021, is after the end, 2020\. Ask for 2020 to 2021"):
        kb.search("alpha", year=(2021, 2020))


def test_all_kinds_are_found_and_can_be_chosen(kb):
    assert {"paper:alpha", "model:alpha", "design:alpha-router"} <= set(keys(kb.search("alpha")))
    assert keys(kb.search("alpha", kind="model")) == ["model:alpha"]
    assert keys(kb.search("gamma", kind="system")) == ["system:gamma"]
    assert keys(kb.search("example lab", kind="accelerator")) == ["accelerator:zeta"]
    assert keys(kb.search("hyperparameters", kind="table")) == ["table:first-table"]
    assert keys(kb.search("config.json", kind="source")) == ["source:alpha-config"]


FOUND = {
    "paper:alpha": ["phamo", "invented tokens", "tokens inven", "routes token", "2103.00001", "Ada Author", "Alpha-L"],
    "paper:beta": ["learning sharing"], "design:alpha-router": ["lpha-rou", "ha rou", "best expert"],
    "system:gamma": ["amm"], "model:alpha": ["Example Lab"], "accelerator:zeta": ["zeta", "Zeta 9000", "example lab"],
}  # fmt: skip


@pytest.mark.parametrize(("record", "text"), [(record, text) for record, texts in FOUND.items() for text in texts])
def test_parts_of_names_and_words_are_found(kb, record, text):
    assert record in keys(kb.search(text))


def test_what_nothing_says_is_not_found(kb):
    assert kb.search("nothing of the kind") == []


def test_the_snippet_marks_what_was_found(kb):
    (hit,) = [hit for hit in kb.search("expert of its choice") if hit.record == "paper:alpha"]
    assert "[expert]" in hit.snippet
    assert (hit.kind, hit.key, hit.name, hit.year, hit.why) == ("paper", "alpha", "Alpha", 2021, "text")


def test_filters_of_node_and_year(kb):
    assert keys(kb.search("", node="first:algorithm", kind="paper")) == ["paper:alpha", "paper:beta"]
    assert keys(kb.search("", node="sparse", kind="paper")) == ["paper:alpha"]
    assert keys(kb.search("", node="first", kind="paper")) == ["paper:alpha", "paper:beta"]
    assert keys(kb.search("", node="system")) == []
    assert keys(kb.search("bo writer", year=2020)) == ["paper:beta"]
    assert keys(kb.search("bo writer", year=(2020, 2021), kind="paper")) != ["paper:beta"]
    assert keys(kb.search("bo writer", year=1999)) == []
    with pytest.raises(NotFoundError, match="no taxonomy node"):
        kb.search("alpha", node="nowhere")


def test_empty_text_lists_everything_newest_first(kb):
    hits = kb.search("", limit=1000)
    assert len(hits) == len(kb.briefs())
    years = [hit.year for hit in hits if hit.year]
    assert years == sorted(years, reverse=True)
    assert kb.search("   \t\n") == kb.search("", limit=50)


def test_limits_hold_and_nothing_is_listed_twice(kb):
    for limit in (1, 2, 3, 50):
        found = keys(kb.search("a", limit=limit))
        assert len(found) <= limit
        assert len(found) == len(set(found))


@given(st.text(max_size=60) | st.text(alphabet="alph \"'*()-+:^{}\\%_\x00\ud800", max_size=30))
@example('say "alpha" NOT alpha')
@example("NEAR(a b)")
@example("name:alpha*")
@example("alpha\x00router")
@example("\ud800alpha")
@example("a " * 400)
@example("x" * 5000)
@example("' OR 1=1 --")
@example("ﬁ ² ª ١٢ 𝔞 İ")
def test_no_text_is_an_error(shared_kb, text):
    for hit in shared_kb.search(text, limit=5):
        assert hit.record.startswith(f"{hit.kind}:")


@pytest.fixture(scope="module")
def shared_kb(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search")
    return open_kb(many_papers(folder / "tree", 40), database=folder / "kb.db")


def test_every_record_is_found_by_its_name(shared_kb):
    for brief in shared_kb.briefs():
        assert shared_kb.search(brief.name, limit=1)[0].record == brief.record
        assert shared_kb.search(brief.key, limit=1)[0].key == brief.key


@pytest.mark.parametrize("filters", [{}, {"kind": "paper"}, {"node": "first:algorithm"}, {"year": (2020, 2021)}])
@pytest.mark.parametrize("text", ["alpha", "zzz nothing", "lph"])
def test_the_text_index_leads(kb, text, filters):
    # Every record of a kind or year asked of the index one by one takes a minute among 100,000.
    asked: list[str] = []
    with kb.reader() as reader:
        reader.connection.set_trace_callback(asked.append)
        search(reader.connection, text, **filters)
        reader.connection.set_trace_callback(None)
        plans = [
            [step for *_, step in reader.tuples(f"EXPLAIN QUERY PLAN {sql}")]
            for sql in asked
            if " MATCH " in sql and not sql.startswith("--")
        ]
    assert plans
    for plan in plans:
        tables = [step for step in plan if re.match(r"(SCAN|SEARCH) (search|s|r)\b", step)]
        assert "VIRTUAL TABLE" in tables[0] or tables[0].startswith("SEARCH r USING INTEGER PRIMARY KEY"), plan


def test_a_word_said_often_is_asked_once(kb):
    asked: list[str] = []
    with kb.reader() as reader:
        reader.connection.set_trace_callback(asked.append)
        found = search(reader.connection, "Router roüter ROUTER " * 25)
    assert found == kb.search("router")
    assert max(sql.casefold().count('"router"') for sql in asked) <= 1
    assert kb.search(" ".join(f"w{number}" for number in range(120))) == []


def test_the_unfinished_word_stays_last(kb):
    assert [hit.record for hit in kb.search("rout alpha rout")] == [hit.record for hit in kb.search("alpha rout")] != []
