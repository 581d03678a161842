"""Tables to take along: what is in a cell cannot break them."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pylatexenc.latex2text import LatexNodes2Text

from moe_kb.exporters.tables_text import FORMS

CELLS = st.none() | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=12)
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=2, max_size=4)
)


@given(TABLES)
def test_markdown_keeps_its_cells(table):
    columns, *rows = [[cell or "" for cell in row] for row in table]
    lines = FORMS["markdown"](columns, rows, "").splitlines()
    assert len(lines) == 2 + len(rows)
    for line in lines:
        bars = re.sub(r"\\.", "", line).count("|")
        assert bars == len(columns) + 1


@given(TABLES)
def test_latex_keeps_its_cells(table):
    columns, *rows = [[cell or "" for cell in row] for row in table]
    text = FORMS["latex"](columns, rows, "a % note")
    body = [line for line in text.splitlines() if line.endswith(r" \\")]
    assert len(body) == len(table)
    for line in body:
        assert re.sub(r"\\.", "", line).count("&") == len(columns) - 1
        assert line.count("{") == line.count("}")


def test_latex_says_what_the_cell_says():
    said = "50% & x_1 #2 $ ~ \\ ≠ × α"
    text = FORMS["latex"](["a"], [[said]], "")
    line = next(line for line in text.splitlines() if "50" in line)
    assert LatexNodes2Text().latex_to_text(line.removesuffix(r" \\")).replace(" ", "") == said.replace(" ", "")


@pytest.mark.parametrize("form", ["markdown", "latex"])
def test_a_note_says_where_it_is_from(form):
    assert "moe-kb 0, data x" in FORMS[form](["a"], [["b"]], "moe-kb 0, data x")


def test_csv_is_guarded():
    assert list(csv.reader(io.StringIO(FORMS["csv"](["a"], [["=1"]], "")))) == [["a"], ["'=1"]]
