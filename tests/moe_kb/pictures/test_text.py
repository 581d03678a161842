"""Text of pictures: what is measured, and how lines are broken."""

from hypothesis import given
from hypothesis import strategies as st

from moe_kb.pictures.text import SEPARATOR, Run, clean, clipped, flowed, width_of, wrapped


def width_of_line(line, size):
    runs = sum(width_of(clean(run.text), size, bold=run.lit) for run in line)
    return runs + width_of(SEPARATOR, size) * (len(line) - 1)


@given(st.lists(st.builds(Run, st.text(max_size=40), st.booleans()), max_size=6), st.integers(20, 300))
def test_lines_are_no_wider_than_allowed(runs, width):
    for line in flowed(runs, width, 12):
        assert (len(line) == 1 and len(line[0].text) == 1) or width_of_line(line, 12) <= width + 1e-6


@given(st.text(max_size=60), st.integers(20, 300), st.booleans())
def test_nothing_but_spaces_is_lost(text, width, bold):
    lines = wrapped(text, 12, width, bold=bold)
    assert "".join(lines).replace(" ", "") == clean(text).replace(" ", "")


def test_phrases_stay_whole_and_words_too_long_do_not():
    lines = flowed([Run("64 heads"), Run("8 KV heads"), Run("x" * 40)], 110, 12)
    assert ["".join(run.text for run in line) for line in lines[:2]] == ["64 heads", "8 KV heads"]
    assert "".join(run.text for line in lines[2:] for run in line) == "x" * 40


def test_what_is_too_long_ends_in_an_ellipsis():
    lines = flowed([Run(f"phrase {number}") for number in range(30)], 70, 12, most=4)
    assert (len(lines), lines[-1]) == (4, [Run("…")])
    assert wrapped("a " * 90, 10, 60, 2)[-1].endswith("…")
    assert clipped("a" * 90, 10, 60).endswith("a…")


def test_long_words_are_broken():
    lines = wrapped("a" * 100 + " b", 10, 60)
    assert "".join(lines).replace(" ", "") == "a" * 100 + "b"
    assert all(width_of(line, 10) <= 60 for line in lines)
    assert len(wrapped("a" * 200_000, 10, 60)) == 22_223, "long texts cost what they are long"


def test_wide_signs_are_measured_as_wide():
    assert width_of("混合", 10) > width_of("ab", 10)
    assert width_of("e\u0301", 10) == width_of("e", 10)


def test_signs_that_do_not_show_themselves_are_replaced():
    assert clean("a\n b\x00\u202e\ud800c\u2066") == "a b���c�"
