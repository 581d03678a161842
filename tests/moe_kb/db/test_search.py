"""Search: what is found, in which order, and that no text is an error."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from trees import many_papers

from moe_kb.db.search import fold
from moe_kb.errors import NotFoundError, QueryError
from moe_kb.kb import open_kb


def keys(hits) -> list[str]:
    return [hit.record for hit in hits]


@pytest.mark.parametrize("text", ["Alpha", "alpha", "ALPHA", "  alpha ", "AlphaMoE", "alphamoe"])
def test_the_exact_name_or_alias_comes_first(kb, text):
    first = kb.search(text)[0]
    assert (first.record, first.why) == ("paper:alpha", "name")


@pytest.mark.parametrize("text", ["Alpha Router", "alpha-router", "AlphaRouter", "ALPHA_ROUTER", "álpha.router"])
def test_a_name_is_found_however_it_is_written(kb, text):
    first = kb.search(text)[0]
    assert (first.record, first.why) == ("design:alpha-router", "name")


def test_a_paper_and_its_model_come_first_and_sources_last(kb):
    found = keys(kb.search("alpha"))
    assert found[:2] == ["paper:alpha", "model:alpha"]
    assert found.index("design:alpha-router") < found.index("source:alpha-config")
    assert keys(kb.search("survey of invented"))[-1] == "source:first-survey"


@pytest.mark.parametrize(
    "name", ["paper:alpha", "model:alpha", "design:alpha-router", "source:alpha-config", "Paper:Beta"]
)
def test_a_full_name_finds_its_record_first(kb, name):
    hit = kb.search(name)[0]
    assert (hit.record, hit.why) == (name.lower(), "name")


def test_years_that_run_backwards_are_told_the_right_way(kb):
    with pytest.raises(QueryError, match=r"2021 to 2020 run backwards\. Ask for 2020 to 2021"):
        kb.search("alpha", year=(2021, 2020))


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("DeepSeek V3", "deepseekv3"),
        ("deepseek-v3", "deepseekv3"),
        ("Größe", "grosse"),
        ("C++", "c++"),
        ("C", "c"),
        ("專家", "專家"),
        ("!?", "!?"),
    ],
)
def test_folding_keeps_what_tells_names_apart(name, folded):
    assert fold(name) == folded


def test_all_kinds_are_found_and_can_be_chosen(kb):
    assert {"paper:alpha", "model:alpha", "design:alpha-router"} <= set(keys(kb.search("alpha")))
    assert keys(kb.search("alpha", kind="model")) == ["model:alpha"]
    assert keys(kb.search("gamma", kind="system")) == ["system:gamma"]
    assert keys(kb.search("hyperparameters", kind="table")) == ["table:first-table"]
    assert keys(kb.search("config.json", kind="source")) == ["source:alpha-config"]


@pytest.mark.parametrize(
    ("text", "record"),
    [
        ("phamo", "paper:alpha"),
        ("lpha-rou", "design:alpha-router"),
        ("ha rou", "design:alpha-router"),
        ("amm", "system:gamma"),
    ],
)
def test_part_of_a_name_is_found(kb, text, record):
    assert record in keys(kb.search(text))


@pytest.mark.parametrize(
    ("text", "record"),
    [
        ("invented tokens", "paper:alpha"),
        ("tokens inven", "paper:alpha"),
        ("routes token", "paper:alpha"),
        ("2103.00001", "paper:alpha"),
        ("Ada Author", "paper:alpha"),
        ("Alpha-L", "paper:alpha"),
        ("learning sharing", "paper:beta"),
        ("best expert", "design:alpha-router"),
        ("Example Lab", "model:alpha"),
        ("nothing of the kind", None),
    ],
)
def test_words_are_found_in_titles_texts_authors_and_printed_names(kb, text, record):
    found = keys(kb.search(text))
    assert (record in found) if record else found == []


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


@pytest.mark.parametrize(
    "text",
    [
        "top-k",
        "C++",
        "it's",
        'say "alpha"',
        "AND",
        "alpha OR",
        "NOT alpha",
        "NEAR(a b)",
        "name:alpha",
        "alpha*",
        "^a",
        "(",
    ],
)
def test_signs_of_the_query_language_are_plain_text(kb, text):
    assert isinstance(kb.search(text), list)


@given(st.text(max_size=60) | st.text(alphabet="alph \"'*()-+:^{}\\%_\x00\ud800", max_size=30))
@example("alpha\x00router")
@example("\ud800alpha")
@example("a " * 400)
@example("x" * 5000)
@example("' OR 1=1 --")
@example("ﬁ ² ª ١٢ 𝔞 İ")
@settings(deadline=None, suppress_health_check=list(HealthCheck))
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
