"""Bars of models by parameters."""

import xml.etree.ElementTree as ET

from svgs import SVG, foreign_to_svg, words_of

from moe_kb.pictures.bars import Sized, bars


def test_bars_are_on_one_scale():
    picture = bars([Sized("Large", 400e9, 40e9), Sized("Small", 100e9, 10e9)], theme="light")
    boxes = [box for box in ET.fromstring(picture.svg).iter(f"{SVG}rect") if box.get("class") != "paper"]
    assert [float(box.get("width")) for box in boxes] == [296, 29.6, 74, 7.4]
    assert picture.alt.endswith("Large: 400B, 40B active; Small: 100B, 10B active.")


def test_names_are_text_and_fit():
    picture = bars([Sized("<b>A name far too long to stand beside its two numbers</b>", 1e9, 1e6)], theme="page")
    assert foreign_to_svg(picture.svg) == []
    assert words_of(picture.svg)[0].endswith("…")


def test_no_model_is_no_fault():
    assert bars([], theme="light").height > 0
