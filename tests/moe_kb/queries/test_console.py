"""What the SQL console offers."""

import csv
import io

import pytest

from moe_kb.charts.query_result import KINDS, result_chart
from moe_kb.db.console import QueryResult
from moe_kb.queries.console import all_links, examples, numeric_columns, sensible_axes, to_csv

RESULT = QueryResult(
    ["name", "year", "size", "link"],
    [("a", 2020, 1.5, "https://a.org"), ("b", 2021, None, None), ('c, "d"\n', 2022, 3, "https://c.org")],
    False,
    0.001,
)


def test_the_schema_describes_every_table_view_and_column(kb):
    tables = {table.name: table for table in kb.schema()}
    assert {"papers", "claims", "hyperparameters", "scores"} <= set(tables)
    assert tables["hyperparameters"].kind == "view"
    assert all(table.description for table in tables.values())
    assert {table.name for table in tables.values() if not table.columns} == {"search", "search_names", "search_places"}
    for name in tables:
        kb.query(f"SELECT * FROM {name} LIMIT 1")


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.question)
def test_every_saved_question_is_right_sql(kb, example):
    answer = kb.query(example.sql)
    assert {example.x, example.y} - {None} <= set(answer.columns)


@pytest.mark.integration
@pytest.mark.parametrize("example", examples(), ids=lambda example: example.question)
def test_every_saved_question_has_an_answer_in_the_real_data(real_kb, example):
    answer = real_kb.query(example.sql)
    assert answer.rows
    assert not answer.truncated
    if example.x:
        assert len(result_chart(answer, "scatter", example.x, example.y).data) > 0


def test_numbers_links_and_axes_are_found():
    assert (numeric_columns(RESULT), sensible_axes(RESULT)) == (["year", "size"], ("year", "size"))
    assert all_links(RESULT, "link")
    assert not all_links(RESULT, "name")
    only_words = QueryResult(["a"], [("x",)], False, 0.0)
    assert sensible_axes(only_words) == (None, None)
    example = next(example for example in examples() if example.x)
    assert sensible_axes(RESULT, example.sql) == (example.x, example.y)
    assert len({example.question for example in examples()}) == len({example.sql for example in examples()}) >= 8


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_chart_draws_every_row(kind):
    (trace,) = result_chart(RESULT, kind, "year", "size").data
    assert list(trace.x) == [2020, 2021, 2022]


def test_many_groups_end_in_others():
    many = QueryResult(["group", "n"], [(f"g{i}", i) for i in range(40)], False, 0.0)
    figure = result_chart(many, "bar", "n", "n", group="group")
    assert (len(figure.data), figure.data[-1].name) == (13, "other")
    assert sum(len(trace.x) for trace in figure.data) == 40


def test_csv_reads_back_as_it_was():
    back = list(csv.reader(io.StringIO(to_csv(RESULT).decode(), newline="")))
    assert (back[0], back[2], back[3][0]) == (RESULT.columns, ["b", "2021", "", ""], 'c, "d"\n')
    assert to_csv(QueryResult(["x"], [(b"\x00\xff",)], False, 0.0)) == b"x\n00ff\n"
