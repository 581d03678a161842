"""A model's layers as a block diagram: what goes through what, the input at the bottom, the output at the top.

First the whole: embedding, stacks with their repeats, head. Beside or under it each different layer: norms, mixer,
router with the active experts lit, shared experts, and where each adds to the residual stream. Where several models are
drawn, what one of them says and another does not is lit. What a record leaves open is dashed and says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from moe_kb.pictures.blocks import Block, Grid, Group, Layer, Model, Part, Side, Slot, model
from moe_kb.pictures.canvas import Drawing
from moe_kb.pictures.poster import Panel
from moe_kb.pictures.text import Run, flowed, width_of

if TYPE_CHECKING:
    from moe_kb.records.architecture import Architecture

#: Width of a column: a phone shows one as it is.
COLUMN = 340
GAP = 28
_MARGIN = 8
#: What stands under a sheet of models, and what does where there are several.
NOTES: Sequence[str] = (
    "Read from the bottom up",
    "norms as counted by the record, drawn before their sublayer",
    "dashed: not reported",
)
COMPARED: Sequence[str] = ("underlined: the models differ", "a red edge: not every model has such a part")
_TITLE, _SMALL = 13.0, 11.5
_LINE = 15
_PAD = 10
_SQUARES = 2048
"""Experts drawn as squares at most; beyond, a square stands for several."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a picture is drawn of."""

    label: str
    """Name of the model and of its configuration."""
    architecture: Architecture
    source: str = ""
    """Where its layers were read, as text."""
    designs: Mapping[str, str] = field(default_factory=dict)
    """Names of gating designs by key."""

    @property
    def alt(self) -> str:
        """The picture in words."""
        return f"{self.label}. " + " ".join(_sentences(model(self.architecture, self.designs)))


Lit = Mapping[Slot, Collection[str]]


def panel(subject: Subject, *, wide: bool = True) -> Panel:
    """One model; `wide` sets its layers beside the whole, else everything is in one column."""
    return _panel(subject, {}, columns=3 if wide else 1)


def panels(subjects: Sequence[Subject]) -> list[Panel]:
    """Several models, a column each, with what differs lit."""
    return [_panel(subject, lit, columns=1) for subject, lit in zip(subjects, _differing(subjects), strict=True)]


def _panel(subject: Subject, lit: Lit, *, columns: int) -> Panel:
    drawing, width, height = _drawn(subject, lit, columns=columns)
    framed = Drawing()
    framed.place(drawing, _MARGIN, _MARGIN)
    source = f"Layers read in {subject.source}" if subject.source else ""
    return Panel(subject.label, subject.alt, [framed.root], width + 2 * _MARGIN, height + 2 * _MARGIN, source)


def _differing(subjects: Sequence[Subject]) -> list[dict[Slot, set[str]]]:
    """For each model what it says that at least one of the others does not."""
    said = [model(subject.architecture, subject.designs).said() for subject in subjects]
    out = []
    for own in said:
        others = [other for other in said if other is not own]
        out.append(
            {
                slot: {text for text in texts if any(text not in other.get(slot, ()) for other in others)}
                for slot, texts in own.items()
            }
        )
    return out


def _sentences(drawn: Model) -> list[str]:
    out = [f"From the bottom: {', '.join(drawn.embedding.said)}."]
    for side in drawn.sides.values():
        out.append(f"{', '.join(side.block.said)}.")
        for layer in side.layers:
            parts = "; then ".join(
                part.block.title + (f", {part.router.title[0].lower()}{part.router.title[1:]}" if part.router else "")
                for part in layer.parts
            )
            out.append(f"Layer {layer.letter} ({layer.number} of {layer.of}, {layer.places}): {parts}.")
    out.append(f"{', '.join(drawn.head.said)}.")
    out += [f"{', '.join(block.said)}." for block in (drawn.prediction, drawn.other) if block]
    return out


# --- layout ------------------------------------------------------------------------------------------------------


def _drawn(subject: Subject, lit: Lit, *, columns: int) -> tuple[Drawing, float, float]:
    """The whole and its layers in at most so many columns, with their width and height."""
    blocks = model(subject.architecture, subject.designs)
    pieces = [_whole(blocks, lit)] + [_layer(layer, blocks.norm, lit) for layer in blocks.layers]
    sheet = Drawing()
    if columns == 1:
        y = 0.0
        for piece, height in pieces:
            sheet.place(piece, 0, y)
            y += height + GAP
        return sheet, COLUMN, y - GAP
    bottoms = [0.0] * min(columns - 1, len(pieces) - 1)
    (whole, tallest), *layers = pieces
    sheet.place(whole, 0, 0)
    for piece, height in layers:
        column = min(range(len(bottoms)), key=lambda number: bottoms[number])
        sheet.place(piece, (column + 1) * (COLUMN + GAP), bottoms[column])
        bottoms[column] += height + GAP
    return sheet, (len(bottoms) + 1) * (COLUMN + GAP) - GAP, max(tallest, *(bottom - GAP for bottom in bottoms))


@dataclass(frozen=True, slots=True)
class _Box:
    """A block with its lines of text, ready for a width."""

    block: Block
    title: list[list[Run]]
    lines: list[list[Run]]
    lit: bool
    """Whether another model has no such box."""

    @property
    def text_height(self) -> float:
        return _LINE * (len(self.title) + len(self.lines)) + 12

    def draw(self, on: Drawing, x: float, y: float, width: float, height: float, *, title: bool = True) -> None:
        """The box with its words at its top."""
        family = self.block.family
        if self.block.explanation:
            on.explained(self.block.explanation)
        on.rect(
            x,
            y,
            width,
            height,
            fill=f"{family}-fill" if self.block.stated else "paper",
            edge="red" if self.lit else family,
            thick=self.lit,
            dashed=not self.block.stated,
        )
        at = y + 17
        for line in self.title:
            on.text(x + _PAD, at, *line, size=_TITLE, bold=True, role="red" if self.lit else "ink")
            at += _LINE
        for line in self.lines:
            on.text(x + _PAD, at, *line, size=_SMALL)
            at += _LINE
        if self.block.explanation:
            on.done()


def _box(block: Block, lit: Lit, width: float) -> _Box:
    differing = lit.get(block.slot, ())
    inner = width - 2 * _PAD
    # Measured as bold, which a title is in any case.
    lines = flowed([Run(block.title, True)], inner, _TITLE)
    return _Box(
        block,
        [[Run(piece.text, block.title in differing) for piece in line] for line in lines],
        flowed([Run(text, text in differing) for text in block.phrases], inner, _SMALL),
        block.what in differing,
    )


# --- the whole ---------------------------------------------------------------------------------------------------

_CHIP = 24
_CHIP_GAP = 5
_FRAME = 7
_APART = 14
"""Between boxes that stand beside each other."""
_STRIP = 22
"""Height of a norm."""


def _whole(blocks: Model, lit: Lit) -> tuple[Drawing, float]:
    """Embedding, stacks and head, the output at the top."""
    on = Drawing()
    sides = list(blocks.sides.values())
    width = (COLUMN - (len(sides) - 1) * _APART) / len(sides)
    lefts = [number * (width + _APART) for number in range(len(sides))]
    # The head stands over the last stack; what predicts further tokens beside it, or over the encoder.
    words = "next token" if "decoder" in blocks.sides else "output"
    outputs = [(words, blocks.head, lefts[-1], width)]
    if blocks.prediction:
        first, second = (0.0, lefts[-1]) if len(sides) > 1 else (COLUMN * 0.54 + _APART, 0.0)
        outputs = [
            (words, blocks.head, second, width if len(sides) > 1 else COLUMN * 0.54),
            ("tokens after it", blocks.prediction, first, COLUMN * 0.46 - _APART if len(sides) == 1 else width),
        ]
    boxes = [_box(block, lit, wide) for _, block, _, wide in outputs]
    top = 24.0
    height = max(box.text_height for box in boxes)
    norm_top = top + height + 16
    for box, (words, _, left, wide) in zip(boxes, outputs, strict=True):
        on.text(left + wide / 2, 12, words, size=_SMALL, role="muted", anchor="middle")
        on.line((left + wide / 2, top), (left + wide / 2, 16), arrow=True)
        box.draw(on, left, top, wide, height)
        if left >= lefts[-1]:
            on.line((left + wide / 2, norm_top), (left + wide / 2, top + height), arrow=True)
    norm = _box(blocks.norm, lit, width)
    frames = [_stack(side, lit, width) for side in sides]
    tallest = max(height for _, height in frames)
    below = _STRIP + 14
    for number, (left, (frame, height)) in enumerate(zip(lefts, frames, strict=True)):
        at = norm_top + tallest - height
        centre = left + width / 2
        _norm_strip(on, norm, left, at, width)
        on.place(frame, left, at + below)
        on.line((centre, at + below), (centre, at + _STRIP), arrow=True)
        if number == len(sides) - 1:
            if at > norm_top:
                on.line((centre, at), (centre, norm_top))
        elif sides[number + 1].crosses:
            # What the encoder gives goes to every layer of the decoder that attends to it.
            edge, into = lefts[number + 1], norm_top + tallest + below - 12
            between = edge - _APART / 2
            on.line((centre, at), (centre, at - 8), (between, at - 8), (between, into), (edge, into), arrow=True)
    bottom = norm_top + tallest + below
    embedding = _box(blocks.embedding, lit, COLUMN)
    for left in lefts:
        on.line((left + width / 2, bottom + 16), (left + width / 2, bottom), arrow=True)
    embedding.draw(on, 0, bottom + 16, COLUMN, embedding.text_height)
    bottom += 16 + embedding.text_height
    on.line((COLUMN / 2, bottom + 16), (COLUMN / 2, bottom), arrow=True)
    on.text(COLUMN / 2, bottom + 28, "tokens", size=_SMALL, role="muted", anchor="middle")
    bottom += 34
    if blocks.other:
        other = _box(blocks.other, lit, COLUMN)
        other.draw(on, 0, bottom + 6, COLUMN, other.text_height)
        bottom += 6 + other.text_height
    return on, bottom


def _norm_strip(on: Drawing, norm: _Box, x: float, y: float, width: float, words: str = "") -> None:
    """A norm as a low box."""
    stated, lit = norm.block.stated, norm.lit
    on.rect(x, y, width, _STRIP, fill="paper", edge="red" if lit else "grey", thick=lit, dashed=not stated, round=4)
    said = Run(words + norm.block.title, lit)
    fits = flowed([said], width - 8, _SMALL)[0]
    on.text(x + width / 2, y + 15, *fits, size=_SMALL, anchor="middle", role="red" if lit else "ink")


def _stack(side: Side, lit: Lit, width: float) -> tuple[Drawing, float]:
    """A stack's frame: how many layers, and their pattern as named chips, the last layer at the top."""
    on = Drawing()
    box = _box(side.block, lit, width)
    y = box.text_height
    for group in reversed(side.groups):
        y = _chips(on, group, _FRAME, y, width - 2 * _FRAME, lit=lit) + _CHIP_GAP
    height = y + 3
    back = Drawing()
    back.rect(0, 0, width, height, fill="tint", edge="red" if box.lit else "grey", thick=box.lit, round=8)
    at = 17
    for lines, size, bold in ((box.title, _TITLE, True), (box.lines, _SMALL, False)):
        for line in lines:
            back.text(_PAD, at, *line, size=size, bold=bold, role="red" if box.lit and bold else "ink")
            at += _LINE
    back.place(on, 0, 0)
    return back, height


def _chips(on: Drawing, group: Group, x: float, y: float, width: float, *, lit: Lit) -> float:
    """A group from `y` down; the place under it. Its repeats stand beside it, or over it where it is narrow."""
    times = f"× {group.repeat:,}" if group.repeat > 1 else ""
    room = width_of(times, _TITLE, bold=True) + 10 if times else 0
    if width - room < 64 + _nested(group) * (2 * _FRAME + 36):
        if times:
            on.text(x, y + 12, *flowed([Run(times)], max(width, 1), _SMALL, most=1)[0], size=_SMALL)
            y += 17
        times, room = "", 0
    inner = width - room
    if group.layer is not None:
        _chip(on, group.layer, x, y, inner, lit)
        bottom = y + _CHIP
    else:
        frame = _FRAME if inner > 64 + 2 * _FRAME else 0
        at = y + _FRAME
        for member in reversed(group.groups):
            at = _chips(on, member, x + frame, at, inner - 2 * frame, lit=lit) + _CHIP_GAP
        bottom = at - _CHIP_GAP + _FRAME
        on.rect(x, y, inner, bottom - y, edge="grey", round=6)
    if times:
        on.text(x + inner + 6, (y + bottom) / 2 + 5, times, size=_TITLE, bold=True)
    return bottom


def _nested(group: Group) -> int:
    """How deep groups stand in it."""
    return 1 + max(map(_nested, group.groups)) if group.groups else 0


def _chip(on: Drawing, layer: Layer, x: float, y: float, width: float, lit: Lit) -> None:
    """A layer's letter on the colour of its mixer, and its short name on that of its feed-forward network."""
    last = layer.parts[-1].block
    families = {part.block.family for part in layer.parts}
    mixer = next((part.block for part in layer.parts if part.block.slot == "mixer"), last)
    body = "orange" if "orange" in families else last.family
    differs = any(part.block.what in lit.get(part.block.slot, ()) for part in layer.parts)
    on.explained(f"Layer {layer.letter}: {' + '.join(part.block.title for part in layer.parts)}")
    edge = "red" if differs else body
    on.rect(x, y, width, _CHIP, fill=f"{body}-fill", edge=edge, thick=differs, round=5)
    badge = max(width_of(layer.letter, _TITLE, bold=True) + 10, 24)
    _badge(on, layer.letter, mixer.family, x, y, badge)
    on.text(x + badge + 6, y + 16, _short(layer, width - badge - 10), size=_SMALL)
    on.done()


def _short(layer: Layer, width: float) -> str:
    """What a layer is made of, as much as fits: what comes last, the experts, first of all."""
    names = [part.short for part in layer.parts]
    for first in range(len(names)):
        text = " + ".join(names[first:])
        if width_of(text, _SMALL) <= width:
            return text
    return ""


def _badge(on: Drawing, letter: str, family: str, x: float, y: float, width: float) -> None:
    on.rect(x, y, width, _CHIP, fill=f"{family}-fill", edge=family, round=5)
    on.text(x + width / 2, y + 17, letter, size=_TITLE, bold=True, anchor="middle")


# --- one layer ---------------------------------------------------------------------------------------------------

_STREAM = 22
"""Where the residual stream runs."""
_RAIL = 40
"""Where what leaves the stream early runs beside it."""
_LEFT = 60
_WIDE = COLUMN - _LEFT - 12


def _layer(layer: Layer, norm: Block, lit: Lit) -> tuple[Drawing, float]:
    """A layer: its sublayers beside the residual stream, which each leaves and adds to."""
    on = Drawing()
    about = [Run(f"{layer.number:,} of {layer.of:,} layers"), Run(layer.places)]
    badge = max(width_of(layer.letter, _TITLE, bold=True) + 10, 24)
    head = flowed(about, COLUMN - badge - 24, _SMALL)
    top = max(_CHIP, _LINE * len(head) + 6) + 12.0
    strip = _box(norm, lit, _WIDE)
    y = top + 18
    inputs: dict[int, float] = {}
    adds: list[tuple[int, float, float]] = []
    drawn = Drawing()
    for number, part in reversed(list(enumerate(layer.parts, 1))):
        box = _sublayer_box(part, lit)
        height = _sublayer_height(part, box, lit)
        out = y + 10
        if part.norms == 2:  # before and after it
            _norm_strip(drawn, strip, _LEFT, y, _WIDE)
            drawn.line((_LEFT + _WIDE / 2, y + 30), (_LEFT + _WIDE / 2, y + _STRIP), arrow=True)
            y += 30
        _sublayer(drawn, part, box, lit, y, height)
        y += height
        if part.norms:
            words = "" if part.norms <= 2 else f"{part.norms} norms around it: "
            drawn.line((_LEFT + _WIDE / 2, y + 8), (_LEFT + _WIDE / 2, y), arrow=True)
            _norm_strip(drawn, strip, _LEFT, y + 8, _WIDE, words)
            y += 30
        inputs[number] = y - 11
        adds.append((number, out, y - 11))
        y += 20
    bottom = y
    on.rect(0, 0, COLUMN, bottom + 8, fill="tint", edge="grey", round=8)
    mixer = next((part.block for part in layer.parts if part.block.slot == "mixer"), layer.parts[-1].block)
    _badge(on, layer.letter, mixer.family, 8, 8, badge)
    for number, line in enumerate(head):
        on.text(badge + 16, 25 + _LINE * number, *line, size=_SMALL)
    on.line((_STREAM, bottom + 8), (_STREAM, top), arrow=True)
    on.place(drawn, 0, 0)
    for number, out, level in adds:
        source = layer.parts[number - 1].input_of
        if source is not None:
            start = inputs[source]
            on.line((_RAIL, start), (_RAIL, level), (_LEFT, level), arrow=True)
            on.dot(_RAIL, start)
        else:
            on.line((_STREAM, level), (_LEFT, level), arrow=True)
            on.dot(_STREAM, level)
        on.line((_LEFT, out), (_STREAM + 7, out), arrow=True)
        on.plus(_STREAM, out)
    return on, bottom + 8


def _sublayer_box(part: Part, lit: Lit) -> _Box:
    return _box(part.block, lit, _WIDE)


def _sublayer_height(part: Part, box: _Box, lit: Lit) -> float:
    if part.grid is None or part.router is None:
        return box.text_height
    inner, aside = _inside(part.grid)
    router = _box(part.router, lit, inner - aside)
    return box.text_height + _squares_height(part.grid, inner - aside) + 20 + router.text_height + 8


def _inside(grid: Grid) -> tuple[float, float]:
    """Width inside a box of experts, and how much of it the shared ones take."""
    return _WIDE - 2 * _PAD, 66.0 if grid.shared else 0.0


def _sublayer(on: Drawing, part: Part, box: _Box, lit: Lit, y: float, height: float) -> None:
    box.draw(on, _LEFT, y, _WIDE, height)
    if part.grid is None or part.router is None:
        return
    inner, aside = _inside(part.grid)
    wide = inner - aside
    at = y + box.text_height
    squares = _squares_height(part.grid, wide)
    _experts(on, part.grid, _LEFT + _PAD, at, wide)
    router = _box(part.router, lit, wide)
    on.line((_LEFT + _PAD + wide / 2, at + squares + 18), (_LEFT + _PAD + wide / 2, at + squares + 4), arrow=True)
    router.draw(on, _LEFT + _PAD, at + squares + 18, wide, router.text_height)
    if part.grid.shared:
        left = _LEFT + _PAD + wide + 12
        centre = left + (aside - 12) / 2
        side = 14.0
        shown = min(part.grid.shared, 9)
        across = min(shown, 3)
        corners = [
            (centre - across * (side + 3) / 2 + 1.5 + (side + 3) * (number % 3), at + (side + 3) * (number // 3))
            for number in range(shown)
        ]
        under = at + (side + 3) * ((shown + 2) // 3)
        on.boxes(corners, side, fill="green", edge="ink")
        on.text(centre, under + 11, f"{part.grid.shared} shared", size=10.5, anchor="middle")
        on.line((centre, y + height - 4), (centre, under + 16), arrow=True)


# --- experts -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Squares:
    """How experts are laid out: squares of one size in rows, group by group."""

    side: float
    step: float
    across: int
    """Squares in a row of a group."""
    columns: int
    """Groups in a row."""
    groups: int
    of_group: int
    """Squares of a group."""
    each: int
    """Experts that a square stands for."""
    note: str

    @property
    def rows(self) -> int:
        """Rows of squares in a group."""
        return -(-self.of_group // self.across)

    @property
    def height(self) -> float:
        """Of all groups."""
        down = -(-self.groups // self.columns)
        return down * (self.rows * self.step + (8 if self.groups > 1 else 0))


def _laid_out(grid: Grid, width: float) -> _Squares:
    total = grid.routed + grid.zero
    each = -(-total // _SQUARES)
    groups = grid.groups if each == 1 and 1 < grid.groups <= 16 and not grid.zero else 1
    count = -(-total // each)
    of_group = -(-count // groups)
    columns = min(groups, 4)
    room = (width - 8 * (columns - 1)) / columns - (6 if groups > 1 else 0)
    note = f"a square is {each:,} experts" if each > 1 else ""
    laid = None
    for side in (22, 19, 16, 14, 12, 10, 9, 8, 7, 6, 5, 4, 3):
        step = side + max(1.0, round(side / 5))
        most = max(1, min(of_group, int((room + step - side) // step)))
        # Rows of one length, where they need not be much shorter for it.
        across = next((number for number in range(most, most // 2, -1) if of_group % number == 0), most)
        laid = _Squares(side, step, across, columns, groups, of_group, each, note)
        if laid.height <= (84 if groups == 1 else 112):
            break
    assert laid is not None
    return laid


def _squares_height(grid: Grid, width: float) -> float:
    laid = _laid_out(grid, width)
    shared = 17.0 * ((min(grid.shared, 9) + 2) // 3) + 18 if grid.shared else 0.0
    return max(laid.height + (16 if laid.note else 0), shared)


def _experts(on: Drawing, grid: Grid, x: float, y: float, width: float) -> None:
    """The experts as squares; which of them are lit is an example."""
    laid = _laid_out(grid, width)
    lit = _example(grid, laid)
    idle: list[tuple[float, float]] = []
    active: list[tuple[float, float]] = []
    empty: list[tuple[float, float]] = []
    group_width = laid.across * laid.step + (6 if laid.groups > 1 else 0)
    group_height = laid.rows * laid.step + (8 if laid.groups > 1 else 0)
    free = width - laid.columns * group_width
    between = free / (laid.columns - 1) if laid.columns > 1 else 0
    chosen_groups = _spread(grid.active_groups, laid.groups) if laid.groups > 1 else set()
    drawn_total = -(-(grid.routed + grid.zero) // laid.each)
    for group in range(laid.groups):
        left = x + (group % laid.columns) * (group_width + between)
        top = y + (group // laid.columns) * group_height
        if laid.groups > 1:
            on.rect(
                left, top, group_width, group_height - 3, edge="orange" if group in chosen_groups else "idle", round=3
            )
            left, top = left + 3.5, top + 3
        for number in range(laid.of_group):
            expert = group * laid.of_group + number
            if expert >= drawn_total:
                break
            corner = (left + (number % laid.across) * laid.step, top + (number // laid.across) * laid.step)
            if expert in lit:
                active.append(corner)
            elif expert * laid.each >= grid.routed:
                empty.append(corner)
            else:
                idle.append(corner)
    on.boxes(idle, laid.side, fill="idle", edge=None)
    on.boxes(empty, laid.side, fill="paper", edge="orange")
    on.boxes(active, laid.side, fill="orange", edge="ink")
    if laid.note:
        on.text(x, y + laid.height + 10, laid.note, size=10.5)


def _spread(some: int, of: int) -> set[int]:
    """So many numbers below `of`, spread over them without a pattern that would seem to mean something.

    >>> sorted(_spread(2, 8)), sorted(_spread(3, 3))
    ([1, 5], [0, 1, 2])
    """
    some = min(some, of)
    out = set()
    for number in range(some):
        first, last = number * of // some, (number + 1) * of // some - 1
        out.add(first + (number * number * 13 + number * 7 + 1) % (last - first + 1))
    return out


def _example(grid: Grid, laid: _Squares) -> set[int]:
    """Squares that are lit: as many as a token uses, within as many groups as it may use."""
    squares = laid.of_group * laid.groups
    if laid.groups == 1:
        drawn = -(-(grid.routed + grid.zero) // laid.each)
        return _spread(max(1, round(grid.active / laid.each)), drawn)
    chosen = sorted(_spread(grid.active_groups, laid.groups))
    lit: set[int] = set()
    for position, group in enumerate(chosen):
        share = (position + 1) * grid.active // len(chosen) - position * grid.active // len(chosen)
        lit |= {group * laid.of_group + number for number in _spread(share, laid.of_group)}
    return {number for number in lit if number < squares}
