"""What a picture of the package may be made of, and where its words stand."""

import itertools
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass

from moe_kb.pictures.svg import HREF, Picture
from moe_kb.pictures.text import width_of

SVG = "{http://www.w3.org/2000/svg}"
#: Written down a second time.
TAGS = {"svg", "style", "title", "desc", "g", "a", "rect", "circle", "path", "text", "tspan"}
ATTRIBUTES = {
    "viewBox", "width", "height", "role", "aria-label", "class", "x", "y", "rx", "cx", "cy", "r", "d", "transform",
    "text-anchor", "font-size", "font-weight", "font-style", "href", "data-record", "data-part",
}  # fmt: skip


def foreign_to_svg(svg: str) -> list[str]:
    """Tags, attributes, links and styles that no picture has."""
    found = []
    for element in ET.fromstring(svg).iter():
        tag = element.tag.removeprefix(SVG)
        found += [] if tag in TAGS else [tag]
        found += [f"{tag} {name}" for name in element.attrib if name not in ATTRIBUTES]
        found += [] if HREF.fullmatch(element.get("href", "design?key=a")) else [element.get("href", "")]
        if tag == "style":
            found += [word for word in ("url", "@import", "\\") if word in (element.text or "")]
    return found


def words_of(svg: str) -> list[str]:
    """Every line of text."""
    return ["".join(text.itertext()) for text in ET.fromstring(svg).iter(f"{SVG}text")]


@dataclass(frozen=True, slots=True)
class TextBox:
    """Where a line of text stands, at most."""

    text: str
    left: float
    top: float
    right: float
    bottom: float


def text_boxes(svg: str, share: float = 1) -> list[TextBox]:
    """Boxes of the lines of text; `share` is how much of its greatest width a text takes."""
    return list(_boxes(ET.fromstring(svg), 0, 0, 1, share))


def _boxes(element: ET.Element, x: float, y: float, scale: float, share: float) -> Iterator[TextBox]:
    moved = re.fullmatch(r"translate\((\S+) (\S+)\)(?: scale\((\S+)\))?", element.get("transform", "translate(0 0)"))
    assert moved, element.get("transform")
    x, y, scale = x + scale * float(moved[1]), y + scale * float(moved[2]), scale * float(moved[3] or 1)
    if element.tag == f"{SVG}text":
        size = float(element.get("font-size", 0))
        bold = element.get("font-weight") == "650"
        pieces = [(element.text or "", bold)]
        for piece in element:
            pieces += [(piece.text or "", True), (piece.tail or "", bold)]
        width = share * sum(width_of(text, size, bold=heavy) for text, heavy in pieces)
        left = float(element.get("x", 0)) - width * {"middle": 0.5, "end": 1}.get(element.get("text-anchor", ""), 0)
        base = float(element.get("y", 0))
        edges = (left, base - 0.8 * size, left + width, base + 0.22 * size)
        yield TextBox(
            "".join(text for text, _ in pieces),
            *(start + scale * edge for start, edge in zip((x, y, x, y), edges, strict=True)),
        )
    for child in element:
        yield from _boxes(child, x, y, scale, share)


def misplaced(picture: Picture, share: float = 1) -> list[str]:
    """Lines of text that stand outside the picture, or over another one."""
    boxes = sorted(text_boxes(picture.svg, share), key=lambda box: box.top)
    found = [
        f"outside: {box}"
        for box in boxes
        if min(box.left, box.top) < 0 or box.right > picture.width or box.bottom > picture.height
    ]
    for number, box in enumerate(boxes):
        for other in itertools.takewhile(lambda other, box=box: other.top < box.bottom, boxes[number + 1 :]):
            if box.left < other.right and other.left < box.right:
                found.append(f"{box.text!r} over {other.text!r}")
    return found
