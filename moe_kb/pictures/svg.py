"""A small builder of SVG that can write nothing but the elements and attributes listed here.

Text of records is hostile until it is escaped, and a picture stands in the page as markup. So there is one way to make
an element (`node`), which knows the few names that pictures need and refuses every other, and one way to write a
document (`document`), in which ElementTree escapes all text. Signs that XML cannot hold, or that lay text out in
surprising ways, become a replacement sign.

Colours are roles, not values: each class takes a CSS variable, with the light colour for programs that know none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

Theme = Literal["auto", "light", "dark"]

TAGS = frozenset({"svg", "style", "title", "desc", "g", "a", "rect", "circle", "path", "text"})
ATTRIBUTES = frozenset(
    """xmlns viewBox width height role aria-label class x y rx cx cy r d transform text-anchor font-size font-weight
    font-style href data-record data-part""".split()  # noqa: SIM905  a list of words reads better as words
)
#: Where a link may lead: to a page of the app that shows a record.
HREF = re.compile(r"[a-z]+\?key=[a-z0-9.-]+")

#: Colours of both themes by role. Text has a contrast of at least 4.5 to 1 on `paper` and `tint`, shapes 3 to 1.
PALETTES: dict[str, dict[str, str]] = {
    "light": {
        "paper": "#ffffff",
        "tint": "#f1f4f8",
        "ink": "#1c2430",
        "muted": "#566170",
        "line": "#7b8794",
        "blue": "#1f6fad",
        "orange": "#b4540f",
        "green": "#0b7a5b",
        "pink": "#a04a7c",
        "red": "#b03a4c",
        "hot": "#ffe9a8",
    },
    "dark": {
        "paper": "#11161d",
        "tint": "#1a212b",
        "ink": "#e4e9f0",
        "muted": "#a4afbd",
        "line": "#7d8998",
        "blue": "#5fb0ea",
        "orange": "#f0944e",
        "green": "#3cc79c",
        "pink": "#e09cc4",
        "red": "#f07f90",
        "hot": "#4a390e",
    },
}
#: What each class paints: property and role, then what is the same in every theme.
_CLASSES: dict[str, tuple[tuple[tuple[str, str], ...], str]] = {
    "paper": ((("fill", "paper"),), ""),
    "tint": ((("fill", "tint"),), ""),
    "hot": ((("fill", "hot"), ("stroke", "orange")), "stroke-width:.7"),
    "box": ((("fill", "tint"), ("stroke", "line")), "stroke-width:1.2"),
    "line": ((("stroke", "line"),), "fill:none;stroke-width:1.2"),
    "faint": ((("stroke", "line"),), "fill:none;stroke-width:.6"),
    **{role: ((("fill", role),), "") for role in ("ink", "muted", "blue", "orange", "green", "pink", "red")},
    **{
        f"{role}-line": ((("stroke", role),), "fill:none;stroke-width:1.4")
        for role in ("ink", "blue", "orange", "green", "pink", "red")
    },
    # A halo in the colour of the paper keeps a name readable where a line passes behind it.
    "halo": ((("stroke", "paper"),), "paint-order:stroke;stroke-width:3.5;stroke-linejoin:round"),
    # Nobody sees it; a pointer near a thin line finds it.
    "hit": ((), "fill:none;stroke:transparent;stroke-width:9"),
    "dash": ((), "stroke-dasharray:3 3"),
    "dots": ((), "stroke-dasharray:.5 3.2;stroke-linecap:round"),
    "pale": ((), "stroke-width:.7;stroke-opacity:.6"),
}
_FONT = "font-family:'Source Sans','Source Sans 3','Helvetica Neue',Arial,'DejaVu Sans',sans-serif"
_NARROW, _WIDE = frozenset("iljtfrI.,:;'|!()[]{}/ "), frozenset("mwMW@%&—…ΣΩ")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture with what it shows in words."""

    svg: str
    alt: str
    width: int
    """Pixels at which its text has the size it was made for."""
    height: int


def clean(text: object) -> str:
    """Text in a line, every sign of which shows itself."""
    return "".join(sign if sign.isprintable() else "�" for sign in " ".join(str(text).split()))


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
            made.text = (made.text or "") + clean(child)
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


def _share(sign: str) -> float:
    """Width of a sign in ems, at most."""
    if sign in _NARROW:
        return 0.4
    if sign in _WIDE:
        return 0.98
    return 0.72 if sign.isupper() else 0.6 if sign < "ɐ" else 1.05


def width_of(text: str, size: float) -> float:
    """Pixels that a line of text takes at most, in any of the fonts that may show it."""
    return size * sum(map(_share, text))


def _fitting(text: str, size: float, width: float) -> int:
    """How many of the first signs fit; looks at no more than that."""
    taken = 0.0
    for n, sign in enumerate(text):
        taken += size * _share(sign)
        if taken > width:
            return n
    return len(text)


def clipped(text: str, size: float, width: float) -> str:
    """The text, cut with an ellipsis where it is wider."""
    text = clean(text)
    if _fitting(text, size, width) == len(text):
        return text
    return f"{text[: _fitting(text, size, width - width_of('…', size))].rstrip()}…"


def wrapped(text: str, size: float, width: float, lines: int | None = None) -> list[str]:
    """The text in lines that are no wider; words wider than a line are broken, and the last of `lines` is cut."""
    out = [""]
    for word in clean(text).split():
        joined = f"{out[-1]} {word}".strip()
        if _fitting(joined, size, width) == len(joined):
            out[-1] = joined
            continue
        if out[-1]:
            out.append("")
        rest = word
        while (fits := max(1, _fitting(rest, size, width))) < len(rest):
            out[-1], rest = rest[:fits], rest[fits:]
            out.append("")
        out[-1] = rest
    if lines is not None and len(out) > lines:
        out = [*out[: lines - 1], clipped(" ".join(out[lines - 1 :]), size, width)]
    return out


def stylesheet(theme: Theme) -> str:
    """What the classes mean; `auto` follows the reader's setting. Paper is white."""

    def variables(name: str) -> str:
        return ".moe-kb{" + "".join(f"--{role}:{value};" for role, value in PALETTES[name].items()) + "}"

    rules = [f".moe-kb{{{_FONT}}}", variables("dark" if theme == "dark" else "light")]
    if theme == "auto":
        rules.append(f"@media (prefers-color-scheme:dark){{{variables('dark')}}}")
    if theme != "light":
        rules.append(f"@media print{{{variables('light')}}}")
    for name, (paints, same) in _CLASSES.items():
        painted = "".join(f"{what}:{PALETTES['light'][role]};{what}:var(--{role});" for what, role in paints)
        rules.append(f".moe-kb .{name}{{{painted}{same}}}")
    return "".join(rules)


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
    style.text = stylesheet(theme)
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
    return Picture(ElementTree.tostring(root, encoding="unicode"), clean(alt), round(width), round(height))
