"""CSV that people open, read back by the standard reader."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_kb.csv_text import csv_text, whole


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize(
    "text", ["=1+1", "+1 (555) x", "-2+3", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("x")', "-", "+cmd|' /C calc'!A0"]
)
def test_what_a_spreadsheet_would_run_is_guarded(text):
    assert read(csv_text([text], [[text]])) == [[f"'{text}"], [f"'{text}"]]


@pytest.mark.parametrize("text", ["-0.5", "+3", "-1e-5", "-12%", "-1,024", "a=b", "x-1", "", " =1"])
def test_numbers_and_other_text_stay(text):
    assert read(csv_text(["a", "b"], [[text, 1]])) == [["a", "b"], [text, "1"]]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_reads_back_as_itself(number):
    ((_,), (cell,)) = read(csv_text(["a"], [[number]]))
    assert float(cell) == number
    assert (".0" in cell[-2:]) <= (abs(number) >= 2**53)
    assert whole(number) == number


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_no_cell_begins_a_formula(row):
    for cell in read(csv_text(["a"] * len(row), [row]))[-1]:
        assert not cell.startswith(("=", "@", "\t", "\r")), cell


def test_excel_gets_a_mark_first():
    assert csv_text(["ä"], [], excel=True).encode("utf-8-sig")[3:].startswith("\ufeffä".encode())
    assert csv_text(["ä"], []).startswith("ä")
