"""A small builder of SVG that can write nothing but the elements and attributes listed here.

Text of records is hostile until it is escaped, and a picture stands in the page as markup. So there is one way to make
an element (`node`), which knows the few names that pictures need and refuses every other, and one way to write a
document (`document`), in which ElementTree escapes all text. Signs that XML cannot hold, or that lay text out in
surprising ways, become a replacement sign.

Colours are roles, not values: a class has a light and a dark colour, between which the `color-scheme` of where the
picture stands chooses. Programs that know no `light-dark()` see the light ones, and print is light.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

from moe_kb.pictures.text import clean

Theme = Literal["auto", "light", "dark", "page"]
"""Whose colours: the reader's, always the light or the dark ones, or those of the page in which the picture stands."""

TAGS = frozenset({"svg", "style", "title", "desc", "g", "a", "rect", "circle", "path", "text", "tspan"})
ATTRIBUTES = frozenset(
    """xmlns viewBox width height role aria-label class x y rx cx cy r d transform text-anchor font-size font-weight
    font-style href data-record data-part""".split()  # noqa: SIM905  a list of words reads better as words
)
#: Where a link may lead: to a page of the app that shows a record.
HREF = re.compile(r"[a-z]+\?key=[a-z0-9.-]+")

#: Colours by role, light and dark. Text has a contrast of at least 4.5 to 1 on what it stands on, shapes 3 to 1.
PALETTE: dict[str, tuple[str, str]] = {
    # Grounds.
    "paper": ("#ffffff", "#11161d"),
    "tint": ("#f1f4f8", "#1a212b"),
    "hot": ("#ffe9a8", "#4a390e"),
    "blue-fill": ("#d9ebf7", "#12344b"),
    "green-fill": ("#d5efe6", "#0d3a2e"),
    "orange-fill": ("#fbe6d3", "#47290f"),
    "grey-fill": ("#e7eaee", "#2a323d"),
    "idle": ("#e3c7ac", "#7c5531"),
    # Text and shapes.
    "ink": ("#1c2430", "#e4e9f0"),
    "muted": ("#566170", "#a4afbd"),
    "grey": ("#77838f", "#7d8998"),
    "blue": ("#1f6fad", "#5fb0ea"),
    "orange": ("#b4540f", "#f0944e"),
    "green": ("#0b7a5b", "#3cc79c"),
    "pink": ("#a04a7c", "#e09cc4"),
    "red": ("#b03a4c", "#f07f90"),
}
#: What each class paints: properties and roles, then what is the same in every theme. Where an element has several, the
#: later one here has the last word.
_CLASSES: dict[str, tuple[tuple[tuple[str, str], ...], str]] = {
    **{f"{role}-line": ((("stroke", role),), "fill:none;stroke-width:1.4") for role in PALETTE},
    **{f"{role}-edge": ((("stroke", role),), "stroke-width:1.2") for role in PALETTE},
    **{role: ((("fill", role),), "") for role in PALETTE},
    "hot": ((("fill", "hot"), ("stroke", "orange")), "stroke-width:.7"),
    "box": ((("fill", "tint"), ("stroke", "grey")), "stroke-width:1.2"),
    "line": ((("stroke", "grey"),), "fill:none;stroke-width:1.2"),
    "faint": ((("stroke", "grey"),), "fill:none;stroke-width:.6"),
    "hollow": ((), "fill:none"),
    # A halo in the colour of the paper keeps a name readable where a line passes behind it.
    "halo": ((("stroke", "paper"),), "paint-order:stroke;stroke-width:3.5;stroke-linejoin:round"),
    # Nobody sees it; a pointer near a thin line finds it.
    "hit": ((), "fill:none;stroke:transparent;stroke-width:9"),
    "dash": ((), "stroke-dasharray:3 3"),
    "dots": ((), "stroke-dasharray:.5 3.2;stroke-linecap:round"),
    "pale": ((), "stroke-width:.7;stroke-opacity:.6"),
    "thick": ((), "stroke-width:2.4"),
    "lit": ((), "font-weight:700;text-decoration:underline"),
}
_FONT = "font-family:'Source Sans','Source Sans 3','Helvetica Neue',Arial,'DejaVu Sans',sans-serif"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture with what it shows in words."""

    svg: str
    alt: str
    width: int
    """Pixels at which its text has the size it was made for."""
    height: int


def number(value: float) -> str:
    """A coordinate in as few digits as do.

    >>> number(3.0), number(2.005), number(-0.5)
    ('3', '2', '-0.5')
    """
    return f"{value:.2f}".rstrip("0").rstrip(".")


def node(tag: str, *children: ElementTree.Element | str | None, **attributes: object) -> ElementTree.Element:
    """An element; an underscore in an attribute's name is a hyphen, one at its end is none.

    Raises:
        ValueError: The element, the attribute or the link is none that pictures may have.
    """
    if tag not in TAGS:
        raise ValueError(f"pictures have no element {tag!r}; they have {', '.join(sorted(TAGS))}.")
    made = ElementTree.Element(tag)
    for name, value in attributes.items():
        name = name.rstrip("_").replace("_", "-")
        if name not in ATTRIBUTES:
            raise ValueError(f"pictures have no attribute {name!r}; they have {', '.join(sorted(ATTRIBUTES))}.")
        text = number(value) if isinstance(value, (int, float)) else clean(value)
        if name == "href" and not HREF.fullmatch(text):
            raise ValueError(f"a picture links to pages of records (design?key=...), not to {text!r}.")
        made.set(name, text)
    for child in children:
        if isinstance(child, str):
            said(made, clean(child))
        elif child is not None:
            made.append(child)
    return made


def words(
    x: float, y: float, text: str, *, size: float = 11, look: str = "ink", **given: object
) -> ElementTree.Element:
    """A line of text at its baseline."""
    return node("text", text, x=x, y=y, font_size=size, class_=look, **given)


def path(d: str, look: str) -> ElementTree.Element:
    """A path; `look` is its classes."""
    return node("path", d=d, class_=look)


def line(x0: float, y0: float, x1: float, y1: float, look: str) -> ElementTree.Element:
    """A straight line."""
    return path(f"M{number(x0)} {number(y0)}L{number(x1)} {number(y1)}", look)


def curve(x0: float, y0: float, x1: float, y1: float, look: str) -> ElementTree.Element:
    """A line that leaves and arrives level."""
    middle = number((x0 + x1) / 2)
    return path(
        f"M{number(x0)} {number(y0)}C{middle} {number(y0)} {middle} {number(y1)} {number(x1)} {number(y1)}", look
    )


def box(x: float, y: float, width: float, height: float, look: str, rx: float = 3) -> ElementTree.Element:
    """A rectangle with rounded corners."""
    return node("rect", x=x, y=y, width=width, height=height, rx=rx, class_=look)


def disc(cx: float, cy: float, r: float, look: str) -> ElementTree.Element:
    """A circle."""
    return node("circle", cx=cx, cy=cy, r=r, class_=look)


def said(element: ElementTree.Element, text: str) -> None:
    """Add text at the end of what an element holds; spaces at its ends stay."""
    text = text and f"{' ' * text[0].isspace()}{clean(text)}{' ' * text[-1].isspace()}"
    if len(element):
        element[-1].tail = (element[-1].tail or "") + text
    else:
        element.text = (element.text or "") + text


def _stylesheet(theme: Theme, used: Iterable[str]) -> str:
    """What the classes that are used mean."""
    rules = [f".moe-kb{{{_FONT}}}"]
    if theme != "light":
        scheme = {"auto": "color-scheme:light dark", "dark": "color-scheme:dark"}.get(theme)
        rules += [f".moe-kb{{{scheme}}}"] if scheme else []
        rules.append("@media print{.moe-kb{color-scheme:light}}")
    used = frozenset(used)
    for name, (paints, same) in _CLASSES.items():
        if name in used:
            painted = "".join(_painted(what, *PALETTE[role], theme=theme) for what, role in paints)
            rules.append(f".moe-kb .{name}{{{painted}{same}}}")
    return "".join(rules)


def _painted(what: str, light: str, dark: str, *, theme: Theme) -> str:
    return f"{what}:{light};" + ("" if theme == "light" else f"{what}:light-dark({light},{dark});")


def document(
    children: Iterable[ElementTree.Element | None],
    *,
    width: float,
    height: float,
    title: str,
    alt: str,
    theme: Theme,
    role: str = "img",
    spoken: Sequence[str] = (),
) -> Picture:
    """The picture on a sheet of its own colour.

    Args:
        children: What is drawn, back to front.
        width: Of the sheet, in pixels; its text has the size that it says at this width.
        height: The same.
        title: What the picture is called.
        alt: What it shows, in a sentence or a few.
        theme: Whose colours it takes.
        role: `img`, or `group` where there is something to click.
        spoken: Sentences for its description beyond `alt`.
    """
    style = node("style")
    root = node(
        "svg",
        node("title", title),
        node("desc", " ".join([alt, *spoken])),
        style,
        box(0, 0, width, height, "paper", rx=0),
        *children,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=width,
        height=height,
        role=role,
        aria_label=alt,
        class_="moe-kb",
    )
    style.text = _stylesheet(theme, {name for element in root.iter() for name in element.get("class", "").split()})
    return Picture(ElementTree.tostring(root, encoding="unicode"), clean(alt), round(width), round(height))
