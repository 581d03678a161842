"""The builder of pictures: what it measures, how it breaks lines, and that no text becomes markup."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from svgs import foreign_to_svg

from moe_kb.pictures.svg import FILL, INK, SEPARATOR, Drawing, Run, clean, width_of, wrapped

HOSTILE = (
    "</text><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "]]><!--<a href='javascript:alert(1)'>",
    "&lt;b&gt; & &amp; &#x3c;",
    "\n\n# heading\n\n<b>",
    "\x00\x0b\ud800\ufffe",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_text_stays_text(text):
    drawing = Drawing()
    drawing.explained(text)
    drawing.text(0, 10, text, Run(text, lit=True))
    drawing.done()
    svg = drawing.svg(100, 100, title=text, alt=text)
    assert foreign_to_svg(svg) == []
    assert "\n" not in svg
    root = ET.fromstring(svg)
    assert root.get("aria-label") == clean(text)
    assert "".join(root.find(".//{*}text").itertext()) == f"{clean(text)}{SEPARATOR}{clean(text)}"


@given(st.lists(st.text(max_size=40), max_size=6), st.integers(20, 300))
def test_lines_are_no_wider_than_allowed(texts, width):
    for line in wrapped([Run(text) for text in texts], width, 12):
        drawing = Drawing()
        drawing.text(0, 12, *line)
        assert (len(line) == 1 and len(line[0].text) == 1) or drawing.texts[0].right <= width + 1e-6


def test_phrases_stay_whole_and_words_too_long_do_not():
    lines = wrapped([Run("64 heads"), Run("8 KV heads"), Run("x" * 40)], 110, 12)
    assert ["".join(run.text for run in line) for line in lines[:2]] == ["64 heads", "8 KV heads"]
    assert "".join(run.text for line in lines[2:] for run in line) == "x" * 40


def test_what_is_too_long_ends_in_an_ellipsis():
    lines = wrapped([Run(f"phrase {number}") for number in range(30)], 70, 12, most=4)
    assert (len(lines), lines[-1]) == (4, [Run("…")])


def test_wide_signs_are_measured_as_wide():
    assert width_of("混合", 10) > width_of("ab", 10)
    assert width_of("e\u0301", 10) == width_of("e", 10)


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_can_be_told_apart(theme):
    grounds = ("page", "panel", "plain", "blue-fill", "green-fill", "orange-fill", "grey-fill")
    for ground in grounds:
        for ink in ("ink", "lit"):
            assert contrast(INK[ink][theme], FILL[ground][theme]) >= 4.5, (ink, ground)
    assert contrast(INK["soft"][theme], FILL["page"][theme]) >= 4.5
    for edge in ("lit", "line", "blue", "green", "orange", "grey"):
        assert contrast(INK[edge][theme], FILL["page"][theme]) >= 3, edge
        assert contrast(INK[edge][theme], FILL["panel"][theme]) >= 3, edge
    assert contrast(INK["orange"][theme], FILL["idle"][theme]) >= 1.9, "active experts, which have an edge too"
