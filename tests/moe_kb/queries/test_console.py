"""What the SQL console offers."""

from __future__ import annotations

import csv
import io

import pytest
from moe_kb.figures.query import (
    EXAMPLES,
    KINDS,
    all_links,
    ask,
    numeric_columns,
    result_chart,
    schema,
    sensible_axes,
    to_csv,
)

from moe_kb.db.console import QueryResult

RESULT = QueryResult(
    ["name", "year", "size", "link"],
    [("a", 2020, 1.5, "https://a.org"), ("b", 2021, None, None), ('c, "d"\n', 2022, 3, "https://c.org")],
    False,
    0.001,
)


def test_the_schema_describes_every_table_view_and_column(kb):
    tables = {table.name: table for table in schema(kb)}
    assert {"papers", "claims", "hyperparameters", "scores"} <= set(tables)
    assert tables["hyperparameters"].kind == "view"
    assert all(table.description for table in tables.values())
    assert {table.name for table in tables.values() if not table.columns} == {"search", "search_names"}
    for table in tables.values():
        assert not isinstance(ask(kb, f"SELECT * FROM {table.name} LIMIT 1"), str), table.name


def test_questions_are_different_and_at_least_eight():
    assert len({example.question for example in EXAMPLES}) == len({example.sql for example in EXAMPLES}) >= 8


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.question)
def test_every_saved_question_is_right_sql(kb, example):
    answer = ask(kb, example.sql)
    assert isinstance(answer, QueryResult), answer
    assert {example.x, example.y} - {None} <= set(answer.columns)


@pytest.mark.integration
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.question)
def test_every_saved_question_has_an_answer_in_the_real_data(real_kb, example):
    answer = ask(real_kb, example.sql)
    assert isinstance(answer, QueryResult), answer
    assert answer.rows
    assert not answer.truncated
    if example.x:
        assert len(result_chart(answer, "scatter", example.x, example.y).data) > 0


@pytest.mark.parametrize(
    "sql", ["", "DELETE FROM papers", "SELECT nothing FROM nowhere", "SELECT 1; SELECT 2", "ATTACH 'x' AS y"]
)
def test_what_is_refused_comes_back_as_words(kb, sql):
    answer = ask(kb, sql)
    assert isinstance(answer, str)
    assert "Traceback" not in answer


def test_numbers_links_and_axes_are_found():
    assert numeric_columns(RESULT) == ["year", "size"]
    assert sensible_axes(RESULT) == ("year", "size")
    assert all_links(RESULT, "link")
    assert not all_links(RESULT, "name")
    only_words = QueryResult(["a"], [("x",)], False, 0.0)
    assert sensible_axes(only_words) == (None, None)


def test_a_saved_question_brings_its_axes():
    example = next(one for one in EXAMPLES if one.x)
    assert sensible_axes(RESULT, example.sql) == (example.x, example.y)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_chart_draws_every_row(kind):
    (trace,) = result_chart(RESULT, kind, "year", "size").data
    assert list(trace.x) == [2020, 2021, 2022]


def test_many_groups_end_in_others():
    many = QueryResult(["group", "n"], [(f"g{i}", i) for i in range(40)], False, 0.0)
    figure = result_chart(many, "bar", "n", "n", group="group")
    assert len(figure.data) == 13
    assert figure.data[-1].name == "other"
    assert sum(len(trace.x) for trace in figure.data) == 40


def test_csv_reads_back_as_it_was():
    back = list(csv.reader(io.StringIO(to_csv(RESULT))))
    assert back[0] == RESULT.columns
    assert back[2] == ["b", "2021", "", ""]
    assert back[3][0] == 'c, "d"\n'
    assert to_csv(QueryResult(["x"], [(b"\x00\xff",)], False, 0.0)) == "x\n00ff\n"
