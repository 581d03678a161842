"""The builder of pictures: no text becomes markup, names and links are listed, colours have contrast."""

import xml.etree.ElementTree as ET

import pytest
from svgs import foreign_to_svg

from moe_kb.pictures.canvas import Drawing
from moe_kb.pictures.poster import Panel, poster
from moe_kb.pictures.svg import PALETTE, node
from moe_kb.pictures.text import SEPARATOR, Run, clean

HOSTILE = (
    "</text><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "]]><!--<a href='javascript:alert(1)'>",
    "&lt;b&gt; & &amp; &#x3c;",
    "\n\n# heading\n\n<b>",
    "\x00\x0b\ud800\ufffe",
    "\u202eabc\u2066",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_text_stays_text(text):
    drawing = Drawing()
    drawing.explained(text)
    drawing.text(0, 10, text, Run(text, lit=True))
    drawing.done()
    svg = Panel(text, text, [drawing.root], 100, 100).picture("auto").svg
    assert foreign_to_svg(svg) == []
    assert "\n" not in svg
    assert "\u202e" not in svg
    root = ET.fromstring(svg)
    assert root.get("aria-label") == clean(text)
    assert "".join(root.find(".//{*}text").itertext()) == f"{clean(text)}{SEPARATOR}{clean(text)}"
    assert foreign_to_svg(poster([Panel(text, text, [], 100, 100, source=text)], [text], theme="light").svg) == []


def test_builder_refuses_other_names():
    for tag, attributes in (("script", {}), ("image", {}), ("g", {"onclick": "x"}), ("g", {"style": "x"})):
        with pytest.raises(ValueError, match="pictures have no"):
            node(tag, **attributes)
    for address in ("javascript:alert(1)", "https://evil.example", "design?key=a&x=1", "//evil?key=a", "design?key=A"):
        with pytest.raises(ValueError, match="links to pages of records"):
            node("a", href=address)


def test_text_after_an_element_stays_there():
    element = node("text", "a", node("tspan", "b"), "c")
    assert (element.text, element[0].tail) == ("a", "c")


def test_theme_chooses_the_colours():
    themes = ("auto", "light", "dark", "page")
    ink = Drawing()
    ink.text(0, 10, "words")
    auto, light, dark, page = (Panel("A", "A", [ink.root], 100, 100).picture(theme).svg for theme in themes)
    both = f"light-dark({PALETTE['paper'][0]},{PALETTE['paper'][1]})"
    assert "color-scheme:light dark" in auto
    assert "color-scheme:dark" in dark
    for svg in (auto, dark, page):
        assert both in svg
        assert "@media print{.moe-kb{color-scheme:light}}" in svg, "paper is white"
        assert f"fill:{PALETTE['ink'][0]};fill:light-dark" in svg, "for programs that know one colour"
    assert svg_scheme(page) == [], "the page's own"
    assert "light-dark" not in light


def svg_scheme(svg):
    """What a picture says of its colours outside print."""
    return [part for part in svg.partition("@media")[0].split("{") if "color-scheme" in part]


def test_only_used_classes_are_explained():
    assert ".hit{" not in Panel("A", "A", [node("g", class_="ink")], 9, 9).picture("auto").svg


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_can_be_told_apart(theme):
    role = {name: colours[theme] for name, colours in PALETTE.items()}
    fills = ("blue-fill", "green-fill", "orange-fill", "grey-fill")
    for ground in ("paper", "tint", "hot", *fills):
        assert contrast(role["ink"], role[ground]) >= 4.5, ground
    for ground in ("paper", "tint", "hot"):
        assert contrast(role["muted"], role[ground]) >= 4.5, ground
    for ground in ("paper", "tint", *fills):
        assert contrast(role["red"], role[ground]) >= 4.5, ground
    for ground in ("paper", "tint"):
        for name in ("blue", "orange", "green", "pink"):
            assert contrast(role[name], role[ground]) >= 4.5, (name, ground)
        assert contrast(role["grey"], role[ground]) >= 3, ground
    assert contrast(role["orange"], role["idle"]) >= 1.9, "active experts, which have an edge too"
