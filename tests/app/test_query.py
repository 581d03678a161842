"""The SQL console."""

import pytest

from moe_kb.queries.console import examples


def ask(at, sql: str):
    at.text_area(key="sql").set_value(sql)
    return at.button(key="FormSubmitter:console-Run").click().run()


def test_a_query_answers_with_rows_and_time(open_page, texts):
    at = ask(open_page("query"), "SELECT key, year FROM papers ORDER BY year")
    assert list(at.dataframe[0].value["key"]) == ["beta", "alpha"]
    assert "2 rows in" in texts(at)
    assert texts(at).count(" ms") == 1


def test_the_sql_comes_from_the_address(open_page):
    at = open_page("query", sql="SELECT 6 * 7 AS answer")
    assert at.dataframe[0].value["answer"].iloc[0] == 42


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
    assert len(at.dataframe[0].value) == 10_000
    assert "Cut off after 10,000 rows" in texts(at)


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
