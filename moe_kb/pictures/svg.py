"""A small builder of SVG that escapes by construction: a drawing is a tree, and only its serialisation makes markup.

Every colour is a role with a light and a dark value. The light one is an attribute, so that every program draws it; a
style of the picture's own chooses between the two by the `color-scheme` of where it stands, and print is light.
"""

from __future__ import annotations

import re
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

Anchor = Literal["start", "middle", "end"]

#: Roles of colour: on a light page and on a dark one. Text has a contrast of at least 4.5 on every fill it stands on,
#: edges one of at least 3 on the page.
INK = {
    "ink": ("#1c2430", "#e9edf3"),
    "soft": ("#46515f", "#b9c3d0"),
    "lit": ("#a3195b", "#ff9ccb"),
    "line": ("#5f6b7a", "#9aa5b4"),
    "blue": ("#1d6fa5", "#5fb3e8"),
    "green": ("#0f7f5f", "#3cc79c"),
    "orange": ("#bd5510", "#f0934d"),
    "grey": ("#697482", "#8f9aa9"),
}
FILL = {
    "page": ("#ffffff", "#11161d"),
    "panel": ("#f6f8fa", "#171d26"),
    "plain": ("#ffffff", "#10151c"),
    "blue-fill": ("#d9ebf7", "#12344b"),
    "green-fill": ("#d5efe6", "#0d3a2e"),
    "orange-fill": ("#fbe6d3", "#47290f"),
    "grey-fill": ("#e7eaee", "#2a323d"),
    "idle": ("#e3c7ac", "#7c5531"),
}
COLOURS = {**INK, **FILL}

_SVG = "http://www.w3.org/2000/svg"
_FONT = "'Source Sans','Source Sans 3','Helvetica Neue',Arial,'DejaVu Sans',sans-serif"
_CLASS = "kb-picture"

#: Widths of signs over the size of the font: those of a wide one (DejaVu Sans), rounded up, so that text fits whatever
#: font a reader has.
_WIDTHS = {
    0.3: "'Iijl", 0.35: " ,./:;\\|·", 0.4: "()-[]ft", 0.45: "!r", 0.5: '"*_`–', 0.55: "?csz", 0.6: "FLJkvxy",
    0.65: "$0123456789EPSTYabdeghnopqu{}", 0.7: "ABCKRVXZ", 0.75: "NU", 0.8: "&DGHOQ", 0.85: "#+<=>^w~×≠→⊕", 0.9: "M",
    1.0: "%@Wm…",
}  # fmt: skip
_WIDTH = {sign: width for width, signs in _WIDTHS.items() for sign in signs}
_BOLD = 1.14
_ILLEGAL = re.compile(r"[^\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")


def clean(text: object) -> str:
    """Text in one line, without the signs that XML cannot hold.

    >>> clean("a\\n b\\x00c")
    'a bc'
    """
    return _ILLEGAL.sub("", " ".join(str(text).split()))


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """Width of a text, at most, in the unit of `size`."""
    total = sum(_WIDTH.get(sign) or _other(sign) for sign in text)
    return total * size * (_BOLD if bold else 1)


def _other(sign: str) -> float:
    if unicodedata.combining(sign):
        return 0.0
    return 1.3 if unicodedata.east_asian_width(sign) in "WF" or sign > "\uffff" else 1.0


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of a line; a lit one is bold and underlined."""

    text: str
    lit: bool = False


@dataclass(frozen=True, slots=True)
class TextBox:
    """Where a line of text stands, at most."""

    text: str
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: TextBox) -> bool:
        """Whether the two boxes have more than an edge in common."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


SEPARATOR = " · "


def wrapped(runs: Iterable[Run], width: float, size: float, *, most: int = 8) -> list[list[Run]]:
    """Runs in lines of at most `width`, separated by middle dots; a run stays whole where it fits into a line.

    Args:
        runs: What is said, in its order.
        width: Of a line.
        size: Of the font.
        most: Lines at most; the last one ends in an ellipsis where there is more.
    """
    lines: list[list[Run]] = []
    room = 0.0
    gap = width_of(SEPARATOR, size)
    for run in runs:
        for number, piece in enumerate(_pieces(run, width, size)):
            needed = width_of(piece.text, size, bold=piece.lit)
            if number or not lines or needed + gap > room:
                lines.append([piece])
                room = width - needed
            else:
                lines[-1].append(piece)
                room -= needed + gap
    if len(lines) > most:
        lines = [*lines[: most - 1], [Run("…")]]
    return lines


def _pieces(run: Run, width: float, size: float) -> list[Run]:
    """The run in pieces that fit into a line: broken at spaces, and within a word only where it is longer than one."""
    text = clean(run.text)
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if width_of(longer, size, bold=run.lit) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = ""
        for sign in word:
            if line and width_of(line + sign, size, bold=run.lit) > width:
                lines.append(line)
                line = ""
            line += sign
    return [replace(run, text=piece) for piece in [*lines, line] if piece]


class Drawing:
    """Shapes in the order in which they are painted, and where their texts stand."""

    def __init__(self) -> None:
        self.root = ET.Element("g")
        self.texts: list[TextBox] = []
        self._into = [self.root]

    def _add(self, tag: str, **attributes: object) -> ET.Element:
        named = {name.replace("_", "-"): _number(value) for name, value in attributes.items() if value is not None}
        return ET.SubElement(self._into[-1], tag, named)

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str | None = None,
        edge: str | None = None,
        thick: float = 1.2,
        round: float = 6,
        dashed: bool = False,
    ) -> None:
        """A box; `fill` and `edge` are roles of colour."""
        self._add("rect", x=x, y=y, width=width, height=height, rx=round or None, **_paint(fill, edge, thick, dashed))

    def boxes(self, corners: Sequence[tuple[float, float]], side: float, *, fill: str | None, edge: str | None) -> None:
        """Many equal squares as one shape, by their upper left corners."""
        if corners:
            square = f"h{_number(side)}v{_number(side)}h-{_number(side)}z"
            path = "".join(f"M{_number(x)} {_number(y)}{square}" for x, y in corners)
            self._add("path", d=path, **_paint(fill, edge, 1, False))

    def line(self, *points: tuple[float, float], arrow: bool = False, dashed: bool = False, role: str = "line") -> None:
        """A line through points, with a head at its end if it is an arrow."""
        path = "M" + "L".join(f"{_number(x)} {_number(y)}" for x, y in points)
        self._add("path", d=path, **_paint(None, role, 1.3, dashed))
        if arrow:
            (x0, y0), (x, y) = points[-2:]
            dx, dy = (0, 1 if y > y0 else -1) if x == x0 else (1 if x > x0 else -1, 0)
            left, right = (x - 6 * dx + 3.5 * dy, y - 6 * dy + 3.5 * dx), (x - 6 * dx - 3.5 * dy, y - 6 * dy - 3.5 * dx)
            corners = "L".join(f"{_number(a)} {_number(b)}" for a, b in ((x, y), left, right))
            self._add("path", d=f"M{corners}Z", **_paint(role, None, 0, False))

    def plus(self, x: float, y: float) -> None:
        """The sign of an addition: a circled plus."""
        self._add("circle", cx=x, cy=y, r=7, **_paint("plain", "line", 1.3, False))
        self.line((x - 4, y), (x + 4, y))
        self.line((x, y - 4), (x, y + 4))

    def dot(self, x: float, y: float) -> None:
        """Where a line leaves another."""
        self._add("circle", cx=x, cy=y, r=2.4, **_paint("line", None, 0, False))

    def text(
        self,
        x: float,
        y: float,
        *said: str | Run,
        size: float = 12,
        role: str = "ink",
        bold: bool = False,
        anchor: Anchor = "start",
    ) -> None:
        """A line of text on the base line `y`; several runs are separated by middle dots."""
        runs = [run if isinstance(run, Run) else Run(run) for run in said]
        runs = [replace(run, text=clean(run.text)) for run in runs]
        width = sum(width_of(run.text, size, bold=bold or run.lit) for run in runs)
        width += width_of(SEPARATOR, size, bold=bold) * (len(runs) - 1)
        left = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        whole = SEPARATOR.join(run.text for run in runs)
        self.texts.append(TextBox(whole, left, y - 0.8 * size, left + width, y + 0.22 * size))
        element = self._add(
            "text",
            x=x,
            y=y,
            font_size=size,
            font_weight=650 if bold else None,
            text_anchor=None if anchor == "start" else anchor,
            **_paint(role, None, 0, False),
        )
        for number, run in enumerate(runs):
            words = (SEPARATOR if number else "") + run.text
            if run.lit:
                if number:
                    _append(element, SEPARATOR)
                ET.SubElement(element, "tspan", {"font-weight": "700", "text-decoration": "underline"}).text = run.text
            else:
                _append(element, words)

    def explained(self, text: str) -> None:
        """Begin a group whose explanation a pointer shows; `done` ends it."""
        group = self._add("g")
        ET.SubElement(group, "title").text = clean(text)
        self._into.append(group)

    def done(self) -> None:
        """End the group that `explained` began."""
        self._into.pop()

    def place(self, other: Drawing, x: float, y: float) -> None:
        """Another drawing with its origin at a point."""
        other.root.set("transform", f"translate({_number(x)} {_number(y)})")
        self._into[-1].append(other.root)
        self.texts += [
            TextBox(box.text, box.left + x, box.top + y, box.right + x, box.bottom + y) for box in other.texts
        ]

    def svg(self, width: float, height: float, *, title: str, alt: str, page: bool = False) -> str:
        """The picture as a text in one line.

        Args:
            width: Of the picture; shown in so many pixels where there is room, smaller where there is not.
            height: The same.
            title: Its name.
            alt: What it shows in a sentence, for screen readers.
            page: Whether it has a ground of its own and is light everywhere, as a file wants it.
        """
        root = ET.Element(
            "svg",
            {
                "xmlns": _SVG,
                "class": _CLASS,
                "viewBox": f"0 0 {_number(width)} {_number(height)}",
                "width": _number(width),
                "height": _number(height),
                "role": "img",
                "aria-label": clean(alt),
                "font-family": _FONT,
            },
        )
        ET.SubElement(root, "title").text = clean(title)
        if page:
            ground = {"width": _number(width), "height": _number(height), "fill": COLOURS["page"][0]}
            ET.SubElement(root, "rect", ground)
        else:
            ET.SubElement(root, "style").text = _style()
        root.append(self.root)
        return ET.tostring(root, encoding="unicode")


def _append(element: ET.Element, text: str) -> None:
    if len(element):
        element[-1].tail = (element[-1].tail or "") + text
    else:
        element.text = (element.text or "") + text


def _number(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _paint(fill: str | None, edge: str | None, thick: float, dashed: bool) -> dict[str, str]:
    """Attributes of a shape: the light colours, and the classes through which a dark page changes them."""
    out = {"fill": COLOURS[fill][0] if fill else "none"}
    classes = [f"f-{fill}"] if fill else []
    if edge:
        out |= {"stroke": COLOURS[edge][0], "stroke-width": _number(float(thick))}
        classes.append(f"s-{edge}")
        if dashed:
            out["stroke-dasharray"] = "4 3"
    return out | ({"class": " ".join(classes)} if classes else {})


def _style() -> str:
    rules = "".join(
        f".{_CLASS} .{letter}-{role}{{{name}:light-dark({light},{dark})}}"
        for role, (light, dark) in COLOURS.items()
        for letter, name in (("f", "fill"), ("s", "stroke"))
    )
    return f"{rules}.{_CLASS}{{max-width:100%;height:auto}}@media print{{.{_CLASS}{{color-scheme:light}}}}"
