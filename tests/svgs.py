"""What a picture of the package may be made of."""

import xml.etree.ElementTree as ET

from moe_kb.pictures.model import Picture

TAGS = {"svg", "title", "style", "g", "rect", "path", "circle", "text", "tspan"}
ATTRIBUTES = {
    "class", "viewBox", "width", "height", "role", "aria-label", "font-family", "font-size", "font-weight",
    "text-anchor", "text-decoration", "transform", "x", "y", "cx", "cy", "r", "rx", "d", "fill", "stroke",
    "stroke-width", "stroke-dasharray",
}  # fmt: skip


def foreign_to_svg(svg: str) -> list[str]:
    """Tags and attributes that no picture has."""
    found = []
    for element in ET.fromstring(svg).iter():
        tag = element.tag.removeprefix("{http://www.w3.org/2000/svg}")
        found += [] if tag in TAGS else [tag]
        found += [f"{tag} {name}" for name in element.attrib if name not in ATTRIBUTES]
    return found


def misplaced(picture: Picture) -> list[str]:
    """Lines of text that stand outside the picture, or over another one."""
    boxes = sorted(picture.texts, key=lambda box: box.top)
    found = [
        f"outside: {box}"
        for box in boxes
        if box.left < 0 or box.top < 0 or box.right > picture.width or box.bottom > picture.height
    ]
    for number, box in enumerate(boxes):
        for other in boxes[number + 1 :]:
            if other.top >= box.bottom:
                break
            if box.overlaps(other):
                found.append(f"{box.text!r} over {other.text!r}")
    return found
