"""The lineage of gating and balancing as a poster: time from left to right, families as bands, recorded edges only.

Labels cannot overlap: each design has a box of its own in the column of its year and the band of its family, and its
name and its models are written inside the box. Edges run between boxes and pass behind names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from moe_kb.format import citation
from moe_kb.pictures.svg import Picture, Theme, box, disc, document, line, node, number, path, words
from moe_kb.pictures.text import width_of, wrapped
from moe_kb.queries.lineage import Descendant, Descent, Lineage

#: Families by who chooses, which is a typed property; the rest of a band's designs differ in what its name says.
FAMILIES = (
    "Every expert takes part",
    "Tokens choose, by a softmax",
    "Tokens choose, by other scores or scores not stated",
    "Experts or a solver choose",
    "A fixed rule decides",
    "Who chooses is not stated",
    "Balancing: losses and limits",
)
#: What an edge says, and the colour of its line.
_EDGES = {
    "extends": ("extends", "blue"),
    "based-on": ("is based on", "blue"),
    "variant-of": ("is a variant of", "orange"),
    "replaces": ("replaces", "red"),
    "combines": ("combines", "pink"),
    "uses": ("uses", ""),
}
_LEGEND = ("extends", "variant-of", "replaces", "combines", "uses")

_LEFT, _TOP, _HEAD = 34, 134, 30
"""Margins, and the height of a band's heading."""
_LABEL, _GAP = 172, 62
"""Widest line of a label, and the channel for edges between columns."""
_NAME, _MODEL = 12.5, 11
"""Sizes of text."""
_MODEL_LINES, _SPACE, _SPREAD = 4, 11, 46
"""Lines of models below a name, the space between boxes, and how much more there may be where there is room."""


@dataclass
class _Box:
    """A design's place."""

    design: Descendant
    column: int
    lines: list[str]
    models: list[list[tuple[str, str]]]
    """Record and name of models by line; the last may be a count without a record."""
    x: float = 0.0
    y: float = 0.0
    parents: list[_Box] = field(default_factory=list)

    @property
    def height(self) -> float:
        return 15 * len(self.lines) + 14 * len(self.models)

    @property
    def right(self) -> float:
        """Where the first line of the label ends."""
        return self.x + 12 + width_of(self.lines[0], _NAME) * 0.88

    @property
    def middle(self) -> float:
        """Height of its mark."""
        return self.y + 8


def draw(lineage: Lineage, *, theme: Theme = "auto", links: bool = False) -> Picture:
    """The poster.

    Args:
        lineage: Designs, edges and models.
        theme: `light`, `dark`, or `auto` for the reader's setting.
        links: Whether names lead to the pages of the app.
    """
    years = sorted({design.year for design in lineage.designs if design.year is not None})
    undated = any(design.year is None for design in lineage.designs)
    columns = [*map(str, years), *(["no date"] if undated else [])]
    boxes = {design.record: _boxed(design, years) for design in lineage.designs}
    for edge in lineage.edges:
        boxes[edge.head].parents.append(boxes[edge.tail])
    bands = _place(list(boxes.values()), len(columns))
    width = _LEFT * 2 + max(len(columns), 6) * (_LABEL + _GAP)
    bottom = bands[-1][2] if bands else _TOP
    models = {model.record for design in lineage.designs for model in design.adopters}
    span = f" from {years[0]} to {years[-1]}" if years else ""
    alt = (
        f"The lineage of gating and balancing{span}: {len(lineage.designs)} designs by year and family, "
        f"{len(lineage.edges)} recorded relations between them, and {len(models)} models that use them."
    )
    return document(
        [
            *_heading(lineage, alt, width),
            *_columns(columns, bottom),
            *(part for band in bands for part in _band(*band, width)),
            *(_edge(edge, boxes) for edge in lineage.edges),
            *(_design(boxed, links) for boxed in boxes.values()),
        ],
        width=width,
        height=bottom + 34,
        title="The lineage of gating and balancing",
        alt=alt,
        theme=theme,
        role="group" if links else "img",
    )


def family_of(design: Descendant) -> str:
    """The band in which a design stands."""
    if design.component == "loss":
        return FAMILIES[6]
    match design.chooser, design.score:
        case "none", _:
            return FAMILIES[0]
        case "token", "softmax":
            return FAMILIES[1]
        case "token", _:
            return FAMILIES[2]
        case (("expert" | "solver"), _):
            return FAMILIES[3]
        case "fixed", _:
            return FAMILIES[4]
    return FAMILIES[5]


def _boxed(design: Descendant, years: Sequence[int]) -> _Box:
    column = len(years) if design.year is None else years.index(design.year)
    return _Box(design, column, wrapped(design.name, _NAME, _LABEL - 12, 3), _model_lines(design))


def _model_lines(design: Descendant) -> list[list[tuple[str, str]]]:
    """Models in lines, each after its mark; what has no room is counted."""
    out: list[list[tuple[str, str]]] = []
    room = 0.0
    for n, model in enumerate(design.adopters):
        name = wrapped(model.name, _MODEL, _LABEL - 28, 1)[0]
        need = 16 + width_of(name, _MODEL)
        rest = len(design.adopters) - n
        last = len(out) == _MODEL_LINES
        if out and need <= room - (50 if last and rest > 1 else 0):
            out[-1].append((model.record, name))
        elif not last:
            out.append([(model.record, name)])
            room = _LABEL - 12.0
        else:
            out[-1].append(("", f"+{rest} more"))
            break
        room -= need
    return out


# --- layout ----------------------------------------------------------------------------------------------------------


def _place(boxes: list[_Box], columns: int) -> list[tuple[str, float, float]]:
    """Give every box its place; returns name, top and bottom of each band."""
    bands, top = [], float(_TOP)
    for family in FAMILIES:
        members = [boxed for boxed in boxes if family_of(boxed.design) == family]
        if not members:
            continue
        by_column = [[boxed for boxed in members if boxed.column == column] for column in range(columns)]
        room = max(sum(boxed.height + _SPACE for boxed in column) for column in by_column)
        for column in by_column:
            _stack(column, top + _HEAD, top + _HEAD + room)
        bottom = top + _HEAD + room + 6
        bands.append((family, top, bottom))
        top = bottom
    return bands


def _stack(column: list[_Box], top: float, bottom: float) -> None:
    """One band's boxes of a year, spread around the height of their parents, none over another."""
    if not column:
        return
    middle = (top + bottom) / 2

    def wish(boxed: _Box) -> float:
        near = [parent.middle for parent in boxed.parents if parent.column < boxed.column and top <= parent.y < bottom]
        return sum(near) / len(near) if near else middle

    wishes = {id(boxed): wish(boxed) for boxed in column}
    column.sort(key=lambda boxed: (wishes[id(boxed)], boxed.design.name))
    slack = bottom - top - sum(boxed.height + _SPACE for boxed in column)
    space = _SPACE + min(slack / len(column), _SPREAD)
    taken = sum(boxed.height + space for boxed in column)
    wanted = sum(wishes.values()) / len(column) - taken / 2
    at = min(max(wanted, top), bottom - taken)
    for boxed in column:
        boxed.x = _LEFT + 6 + boxed.column * (_LABEL + _GAP)
        boxed.y = at
        at += boxed.height + space


# --- parts -----------------------------------------------------------------------------------------------------------


def _heading(lineage: Lineage, alt: str, width: float) -> Iterator[Element]:
    yield words(_LEFT, 44, "The lineage of gating and balancing in Mixture-of-Experts", size=28, font_weight=700)
    said = alt.partition(": ")[2]
    if lineage.left_out:
        said = f"{said[:-1]}; {lineage.left_out} designs without a recorded relation or model are not drawn."
    yield words(_LEFT, 68, f"{said[0].upper()}{said[1:]}", size=13, look="muted")
    x = float(_LEFT)
    for kind in _LEGEND:
        said, colour = _EDGES[kind]
        said = "extends or is based on" if kind == "extends" else said
        yield from _line_to(x, 90, x + 34, 90, colour, derived=False)
        yield words(x + 42, 94, said, size=12)
        x += 60 + width_of(said, 12)
    yield from _line_to(x, 90, x + 34, 90, "", derived=True)
    yield words(x + 42, 94, "dashed: derived from what the source says", size=12)
    x += 60 + width_of("dashed: derived from what the source says", 12)
    yield disc(x + 4, 90, 4.5, "blue")
    yield words(x + 14, 94, "gating design", size=12)
    x += 30 + width_of("gating design", 12)
    yield box(x, 86, 8, 8, "orange", rx=1)
    yield words(x + 14, 94, "balancing", size=12)
    x += 30 + width_of("balancing", 12)
    yield _diamond(x + 4, 90)
    yield words(x + 14, 94, "model that uses it", size=12)


def _columns(columns: Sequence[str], bottom: float) -> Iterator[Element]:
    for n, name in enumerate(columns):
        x = _LEFT + n * (_LABEL + _GAP)
        yield words(x, _TOP - 14, name, size=17, font_weight=700)
        yield line(x, _TOP - 8, x, bottom, "faint dots")


def _band(name: str, top: float, bottom: float, width: float) -> Iterator[Element]:
    yield line(_LEFT, top, width - _LEFT, top, "line")
    yield words(_LEFT + 6, top + 17, name, size=12.5, look="muted halo", font_weight=600)


def _line_to(x0: float, y0: float, x1: float, y1: float, colour: str, *, derived: bool) -> Iterator[Element]:
    """A curve that leaves and arrives to the right, with a head; backwards in time it swings round on the left."""
    ends = [number(value) for value in (x0, y0, x1 - 5, y1)]
    if x1 > x0:
        bend = max(24.0, min(90.0, (x1 - x0) / 2))
        d = f"M{ends[0]} {ends[1]}C{number(x0 + bend)} {ends[1]} {number(x1 - bend)} {ends[3]} {ends[2]} {ends[3]}"
    else:
        out = min(x0, x1) - 20 - min(22.0, abs(y1 - y0) / 9)
        d = f"M{ends[0]} {ends[1]}C{number(out)} {ends[1]} {number(out)} {ends[3]} {ends[2]} {ends[3]}"
    yield path(d, (f"{colour}-line" if colour else "line") + (" dash" if derived else ""))
    yield path(f"M{number(x1)} {number(y1)}l-7 -3.5v7z", colour or "muted")
    yield path(d, "hit")


def _edge(edge: Descent, boxes: dict[str, _Box]) -> Element:
    newer, older = boxes[edge.head], boxes[edge.tail]
    says, colour = _EDGES[edge.type]
    place = citation(edge.source, edge.locator, edge.status)
    tip = f"{newer.design.name} {says} {older.design.name}" + (f": {edge.note}" if edge.note else "") + f" [{place}]"
    start = older.right + 4 if newer.column > older.column else older.x - 6
    drawn = _line_to(start, older.middle, newer.x - 6, newer.middle, colour, derived=edge.status == "derived")
    return node("g", node("title", tip), *drawn, data_part=f"{edge.head} {edge.tail}")


def _design(boxed: _Box, links: bool) -> Element:
    design = boxed.design
    x, y = boxed.x, boxed.middle
    mark = disc(x, y, 4.5, "blue") if design.component == "gating" else box(x - 4, y - 4, 8, 8, "orange", rx=1)
    year = "" if design.year is None else f" ({design.year})"
    names = ", ".join(model.name for model in design.adopters)
    tip = f"{design.name}{year}; {design.dated_by}" + (f". Used by {names}" if names else "")
    label = [
        words(x + 10, y + 4.5 + 15 * n, text, size=_NAME, look="ink halo", font_weight=600)
        for n, text in enumerate(boxed.lines)
    ]
    parts = [_linked(design.record, links, node("title", tip), mark, *label)]
    for row, models in enumerate(boxed.models):
        at, below = x + 10, y + 4.5 + 15 * len(boxed.lines) + 14 * row
        for record, name in models:
            if not record:
                parts.append(words(at, below, name, size=_MODEL, look="muted halo"))
                continue
            released = next(model.released for model in design.adopters if model.record == record)
            said = f"{name} uses {design.name}" + (f"; released {released}" if released else "")
            parts.append(
                _linked(
                    record,
                    links,
                    node("title", said),
                    _diamond(at + 3.5, below - 4),
                    words(at + 10, below, name, size=_MODEL, look="ink halo"),
                )
            )
            at += 16 + width_of(name, _MODEL)
    return node("g", *parts)


def _linked(record: str, links: bool, *children: Element) -> Element:
    if not links:
        return node("g", *children)
    kind, _, key = record.partition(":")
    return node("a", *children, href=f"{kind}?key={key}", data_record=record)


def _diamond(x: float, y: float) -> Element:
    return path(f"M{number(x)} {number(y - 4)}l4 4l-4 4l-4 -4z", "green")
