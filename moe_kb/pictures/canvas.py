"""Shapes at places: what block diagrams are drawn on, made of the builder's elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from xml.etree.ElementTree import Element

from moe_kb.pictures.svg import box, disc, node, number, path, said
from moe_kb.pictures.text import SEPARATOR, Run, clean

Anchor = Literal["start", "middle", "end"]


def _look(fill: str | None, edge: str | None, *, thick: bool = False, dashed: bool = False) -> str:
    """Classes of a shape; `fill` and `edge` are roles of colour."""
    given = (fill or "hollow", edge and f"{edge}-edge", "thick" if thick else "", "dash" if dashed else "")
    return " ".join(filter(None, given))


class Drawing:
    """Shapes in the order in which they are painted."""

    def __init__(self) -> None:
        self.root = node("g")
        self._into = [self.root]

    def add(self, *elements: Element) -> None:
        """Elements over what is there."""
        self._into[-1].extend(elements)

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str | None = None,
        edge: str | None = None,
        thick: bool = False,
        round: float = 6,
        dashed: bool = False,
    ) -> None:
        """A box; `fill` and `edge` are roles of colour."""
        self.add(box(x, y, width, height, _look(fill, edge, thick=thick, dashed=dashed), rx=round))

    def boxes(self, corners: Sequence[tuple[float, float]], side: float, *, fill: str, edge: str | None) -> None:
        """Many equal squares as one shape, by their upper left corners."""
        if corners:
            square = f"h{number(side)}v{number(side)}h-{number(side)}z"
            self.add(path("".join(f"M{number(x)} {number(y)}{square}" for x, y in corners), _look(fill, edge)))

    def line(self, *points: tuple[float, float], arrow: bool = False) -> None:
        """A line through points, with a head at its end if it is an arrow."""
        self.add(path("M" + "L".join(f"{number(x)} {number(y)}" for x, y in points), "grey-line"))
        if arrow:
            (x0, y0), (x, y) = points[-2:]
            dx, dy = (0, 1 if y > y0 else -1) if x == x0 else (1 if x > x0 else -1, 0)
            left, right = (x - 6 * dx + 3.5 * dy, y - 6 * dy + 3.5 * dx), (x - 6 * dx - 3.5 * dy, y - 6 * dy - 3.5 * dx)
            corners = "L".join(f"{number(a)} {number(b)}" for a, b in ((x, y), left, right))
            self.add(path(f"M{corners}Z", "grey"))

    def plus(self, x: float, y: float) -> None:
        """The sign of an addition: a circled plus."""
        self.add(disc(x, y, 7, _look("paper", "grey")))
        self.line((x - 4, y), (x + 4, y))
        self.line((x, y - 4), (x, y + 4))

    def dot(self, x: float, y: float) -> None:
        """Where a line leaves another."""
        self.add(disc(x, y, 2.4, "grey"))

    def text(
        self,
        x: float,
        y: float,
        *runs: str | Run,
        size: float = 12,
        role: str = "ink",
        bold: bool = False,
        anchor: Anchor = "start",
    ) -> None:
        """A line of text on the base line `y`; several runs are separated by middle dots."""
        element = node("text", x=x, y=y, font_size=size, class_=role)
        if bold:
            element.set("font-weight", "650")
        if anchor != "start":
            element.set("text-anchor", anchor)
        for n, run in enumerate(runs):
            if n:
                said(element, SEPARATOR)
            if isinstance(run, Run) and run.lit:
                element.append(node("tspan", run.text, class_="lit"))
            else:
                said(element, clean(run.text if isinstance(run, Run) else run))
        self.add(element)

    def explained(self, text: str) -> None:
        """Begin a group whose explanation a pointer shows; `done` ends it."""
        group = node("g", node("title", text))
        self.add(group)
        self._into.append(group)

    def done(self) -> None:
        """End the group that `explained` began."""
        self._into.pop()

    def place(self, other: Drawing, x: float, y: float) -> None:
        """Another drawing with its origin at a point."""
        other.root.set("transform", f"translate({number(x)} {number(y)})")
        self.add(other.root)
