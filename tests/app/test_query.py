"""The SQL console."""

import json

import pytest
import streamlit as st
from streamlit.runtime.caching import get_data_cache_stats_provider

from moe_kb.db import console
from moe_kb.queries.console import examples

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT"


def letters(power: int) -> str:
    """SQL of a text of ten to this power letters."""
    text = "'aaaaaaaaaa'"
    for _ in range(power - 1):
        text = f"replace({text}, 'a', 'aaaaaaaaaa')"
    return text


def ask(at, sql: str):
    at.text_area(key="sql").set_value(sql)
    return at.button(key="FormSubmitter:console-Run").click().run()


def test_a_query_answers_with_rows_and_time(open_page, texts):
    at = ask(open_page("query"), "SELECT key, year FROM papers ORDER BY year")
    assert list(at.dataframe[0].value["key"]) == ["paper?key=beta#beta", "paper?key=alpha#alpha"]
    assert "2 rows in" in texts(at)
    assert texts(at).count(" ms") == 1


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """Every query that is run."""
    seen: list[str] = []
    run_query = console.run_query

    def noted(database, sql, **limits):
        seen.append(sql)
        return run_query(database, sql, **limits)

    monkeypatch.setattr(console, "run_query", noted)
    st.cache_data.clear()
    return seen


@pytest.mark.parametrize("sql", [
    "SELECT 6 * 7 AS answer", f"{ENDLESS} count(*) FROM n", "DROP TABLE papers", "", " ", "SELECT '\x00'",
])  # fmt: skip
def test_a_query_in_the_address_waits_for_a_click(open_page, texts, asked, sql):
    at = open_page("query", sql=sql, show="chart")
    at.run()
    assert sql not in asked
    assert at.text_area(key="sql").value == sql
    assert "has not run" in texts(at)
    assert not at.dataframe
    assert not at.error


def test_a_click_runs_the_query_of_the_address(open_page, asked):
    at = open_page("query", sql="SELECT 6 * 7 AS answer")
    at.button(key="FormSubmitter:console-Run").click().run()
    assert at.dataframe[0].value["answer"].iloc[0] == 42
    at.query_params["sql"] = "SELECT 1 AS another"
    assert not at.run().dataframe
    assert asked[-1] == "SELECT 6 * 7 AS answer"


def test_our_own_examples_run_from_the_address(open_page, texts):
    for query in ({}, {"sql": examples()[4].sql}):
        said = texts(open_page("query", **query))
        assert "has not run" not in said
        assert " ms" in said


@pytest.mark.parametrize("sql", [
    "DROP TABLE papers", "SELEC 1", "", "ATTACH DATABASE 'x.db' AS x", "SELECT '\x00'",
    "SELECT [oops](https://evil.example)",
])  # fmt: skip
def test_what_cannot_run_is_a_message(open_page, sql, tmp_path):
    at = ask(open_page("query"), sql)
    assert len(at.error) == 1
    assert "Traceback" not in at.error[0].value
    assert not list(tmp_path.rglob("x.db"))


def test_a_cut_result_says_so(open_page, texts):
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000) SELECT i FROM n"
    at = ask(open_page("query"), many)
    assert len(at.dataframe[0].value) == 1_000
    assert "Cut off after 10,000 rows" in texts(at)
    assert "the table shows the first 1,000" in texts(at)


@pytest.mark.parametrize(("power", "rows"), [(4, 199), (3, 1_000)])
def test_a_large_result_is_shown_in_part(open_page, texts, power, rows):
    at = ask(open_page("query"), f"{ENDLESS} i, {letters(power)} AS text FROM n LIMIT 2500")
    assert len(at.dataframe[0].value) == rows
    assert "Only the first 2 MB are shown" in texts(at)


def test_a_row_beyond_the_limit_is_said(open_page, texts):
    columns = ", ".join(f"t AS c{i}" for i in range(99))
    at = ask(open_page("query"), f"WITH l AS MATERIALIZED (SELECT {letters(5)} AS t) SELECT {columns} FROM l")
    assert "Only the first 2 MB are shown" in texts(at)
    assert not at.dataframe


def test_the_download_has_what_is_not_shown(open_page, monkeypatch):
    made = []
    monkeypatch.setattr(st, "download_button", lambda label, data, *_, **__: made.append(data))
    ask(open_page("query"), f"{ENDLESS} i, {letters(4)} AS text FROM n LIMIT 1500")
    assert made[-2]().count(b"\n") == 1501


def test_kept_results_are_bounded_by_bytes(open_page):
    at = open_page("query")
    for number in range(20):
        at = ask(at, f"{ENDLESS} i, {letters(4)} AS text FROM n LIMIT {2000 + number}")
        assert len(at.dataframe[0].value) == 199
    stats = get_data_cache_stats_provider().get_stats()["cache_memory_bytes"]
    kept = sum(stat.byte_length for stat in stats if stat.cache_name.endswith("ask"))
    assert 10 * 2**20 < kept <= 32 * 2**20


def test_two_queries_at_once_and_the_third_is_told(open_page, texts, monkeypatch):
    monkeypatch.setattr(console, "MAX_WAIT", 0.3)
    at = open_page("query")
    for _ in range(console.MAX_AT_ONCE):
        console._turns.acquire()
    try:
        ask(at, "SELECT 'busy' AS busy")
        assert "2 other queries run" in at.error[0].value
    finally:
        for _ in range(console.MAX_AT_ONCE):
            console._turns.release()
    at.run()  # and the message is not remembered
    assert list(at.dataframe[0].value["busy"]) == ["busy"]


@pytest.mark.parametrize(("sql", "column", "first"), [
    ("SELECT record FROM papers ORDER BY record", "record", "paper?key=alpha#paper%3Aalpha"),
    ("SELECT 'model:alpha' AS x", "x", "model?key=alpha#model%3Aalpha"),
    ("SELECT 'alpha' AS x", "x", "alpha"), ("SELECT 'alpha' AS model", "model", "model?key=alpha#alpha"),
    ("SELECT 'alpha' AS x UNION SELECT 'unknown'", "x", "alpha"), ("SELECT 'javascript:alert(1)' AS x", "x",
    "javascript:alert(1)"),
])  # fmt: skip
def test_records_in_a_result_are_links(open_page, sql, column, first):
    assert ask(open_page("query"), sql).dataframe[0].value[column].iloc[0] == first


def test_the_download_as_json_has_whole_rows(open_page, monkeypatch):
    made = {}
    monkeypatch.setattr(st, "download_button", lambda label, data, *_, **__: made.update({label: data}))
    at = ask(open_page("query"), "SELECT key, year, NULL AS blank FROM papers ORDER BY year LIMIT 1")
    assert not at.error, at.error[0].value
    assert json.loads(made["Download JSON"]()) == [{"key": "beta", "year": 2020, "blank": None}]


def test_a_mistyped_column_gets_a_near_name(open_page):
    at = ask(open_page("query"), "SELECT nme FROM papers")
    assert "no column nme in papers: name?" in at.error[0].value


def test_categories_start_as_bars(open_page):
    at = ask(open_page("query"), "SELECT name, year FROM papers")
    at.segmented_control(key="in-show").set_value("chart").run()
    assert at.segmented_control(key="in-kind").value == "bar"
    at = ask(at, "SELECT year, length(name) AS n FROM papers")
    assert at.segmented_control(key="in-kind").value == "scatter"


def test_no_rows_and_no_numbers_say_what_to_do(open_page, texts):
    at = open_page("query")
    assert "No rows" in texts(ask(at, "SELECT key FROM papers WHERE year = 1"))
    ask(at, "SELECT key FROM papers")
    at.segmented_control(key="in-show").set_value("chart").run()
    assert "No column holds numbers" in texts(at)


def test_a_question_fills_the_editor(open_page):
    at = open_page("query")
    at.button(key="example-4").click().run()
    assert at.text_area(key="sql").value == examples()[4].sql
    assert "expert_width_over_model_width" in at.dataframe[0].value.columns


def test_a_chart_follows_the_columns_of_the_next_query(open_page):
    at = ask(open_page("query"), "SELECT year, count(*) AS n FROM papers GROUP BY year")
    at.segmented_control(key="in-show").set_value("chart").run()
    assert len(at.get("plotly_chart")) == 1
    at.selectbox(key="in-x").set_value("n").run()
    ask(at, "SELECT length(key) AS a, length(name) AS b FROM papers")
    assert at.selectbox(key="in-x").value == "a"
    for kind in ("line", "bar", "histogram"):
        at.segmented_control(key="in-kind").set_value(kind).run()


def test_the_schema_names_columns_with_their_meaning(open_page):
    at = open_page("query", table="claims")
    at.session_state["query-aside"] = "Tables and views"
    at.run()
    frame = next(frame.value for frame in at.dataframe if "meaning" in frame.value.columns)
    assert "preferred" in set(frame["column"])
    at.button(key="first-rows").click().run()
    assert at.text_area(key="sql").value == "SELECT * FROM claims LIMIT 50"
