"""Bars of models by parameters."""

import xml.etree.ElementTree as ET

from configurations import observed
from svgs import SVG, foreign_to_svg, words_of

from moe_kb.pictures.bars import bars
from moe_kb.queries.models import newest_sized


def sized(name: str, total: float, active: float, released: str | None = "2025-03"):
    return observed(name, params_total=total, params_active=active, released=released)


def test_bars_are_on_one_scale():
    picture = bars([sized("Large", 400e9, 40e9), sized("Small", 100e9, 10e9)], theme="light")
    boxes = [box for box in ET.fromstring(picture.svg).iter(f"{SVG}rect") if box.get("class") != "paper"]
    assert [float(box.get("width")) for box in boxes] == [296, 29.6, 74, 7.4]
    assert picture.alt.endswith("Large: 400B, 40B active; Small: 100B, 10B active.")


def test_names_are_text_and_fit():
    picture = bars([sized("<b>A name far too long to stand beside its two numbers</b>", 1e9, 1e6)], theme="page")
    assert foreign_to_svg(picture.svg) == []
    assert words_of(picture.svg)[0].endswith("…")


def test_no_model_is_no_fault():
    assert bars([], theme="light").height > 0


def test_the_newest_models_stand_by_their_largest():
    rows = [
        sized("old", 9e9, 1e9, "2024"), sized("new", 1e9, 1e8, "2026"), sized("new", 5e9, 1e9, "2026"),
        sized("undated", 1e9, 1e8, None), observed("unsized", released="2026-05"),
    ]  # fmt: skip
    assert [(row.name, row.number("params_total")) for row in newest_sized(rows, 3)] == [("new", 5e9), ("old", 9e9)]
    assert newest_sized(rows, 1)[0].name == "new"
