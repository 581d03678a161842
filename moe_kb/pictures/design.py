"""How a gating design routes, drawn from its typed properties: what is routed, scored, chosen, used and combined.

The same flow, left to right, for every design; each property has its place and its look, so designs that differ look
different. What no source states is dashed or listed as not stated. The number of tokens and experts is that of the
sketch, not the design's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from moe_kb.fields import GATING_PROPERTIES, value_label
from moe_kb.format import citation
from moe_kb.pictures.poster import Panel
from moe_kb.pictures.svg import Picture, Theme, box, curve, disc, document, line, node, path, words
from moe_kb.pictures.text import clean, clipped, width_of, wrapped
from moe_kb.queries.designs import Property

NOT_STATED = "not stated"
#: What stands under a sheet of designs, and what does where there are several.
NOTES: Sequence[str] = ("Sketches: the number of tokens and experts is not the design's", "dashed: not stated")
COMPARED: Sequence[str] = ("lit: the designs differ, as far as stated",)

_CARD, _SKETCH, _ROW, _ROWS = 320, 182, 15.5, 5
"""Width of a card, height of its sketch, height of a line under it, and how many lines."""
_PAGE, _SCALE, _PANEL, _LABEL = 960, 1.5, 524, 158
"""Width of a page, how much larger its sketch is, where its list begins, and room for the labels of the list."""
#: Where things stand in the sketch.
_TOKENS, _SCORER, _EXPERTS, _SUM = 22, (52, 36, 68, 98), 240, (292, 85)
_ROWS_OF_TOKENS = (46, 72, 98, 124)
#: The token whose choice stands out where there are too many wires to follow.
_FOCUS = 1

_UNITS = {"patch": "patches", "batch": "batches"}
_CHOOSERS = {
    "token": "token choice",
    "expert": "expert choice",
    "solver": "solver",
    "fixed": "fixed rule",
    "none": "no choice",
}
_GRADIENTS = {"fully": "full", "through-weights": "through the weights", "estimated": "estimated", "no": "none"}
#: What a source says is not there.
_ABSENT = {"selection_bias": "bias", "shared_experts": "shared", "null_experts": "null"}
#: Texts that a card quotes under the sketch, the most telling first, with short headings.
_QUOTED = {
    "balancing": "Balance",
    "groups": "Groups",
    "noise": "Noise",
    "second_choice": "Second",
    "capacity_train": "Capacity",
    "train_inference_difference": "Training",
    "capacity_eval": "Evaluation",
    "cost_per_token": "Cost",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a picture is drawn of."""

    name: str
    stated: Sequence[Property] = ()
    """Its typed properties, each with its source."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Names of the sources by key; a key stands for itself."""

    @property
    def title(self) -> str:
        """What the picture is called."""
        return f"How {self.name} routes"

    @property
    def alt(self) -> str:
        """The picture in words."""
        return sentence(self.name, self.stated)


def cards(subjects: Sequence[Subject]) -> list[Panel]:
    """Several designs with what differs lit, as far as sources state it."""
    values = [{item.property: item.value for item in subject.stated} for subject in subjects]
    stated = {name: {value[name] for value in values if name in value} for name in GATING_PROPERTIES}
    return [card(subject, lit=[name for name, kinds in stated.items() if len(kinds) > 1]) for subject in subjects]


def card(subject: Subject, *, lit: Collection[str] = ()) -> Panel:
    """A design on 320 pixels; `lit` are properties to highlight."""
    design = _Design(subject, lit)
    parts = [*design.sketch(), *design.rows()]
    return Panel(subject.name, subject.alt, parts, _CARD, _SKETCH + _ROWS * _ROW + 8, title=subject.title)


def draw(subject: Subject, *, theme: Theme = "auto") -> Picture:
    """A design on 960 pixels, with every property in full."""
    name, design = subject.name, _Design(subject)
    heading = [words(20, 34 + 24 * n, text, size=20, font_weight=600) for n, text in enumerate(_name_lines(name))]
    top = 24 + 24 * len(heading)
    panel, bottom = design.panel(top)
    sketch = node("g", *design.sketch(), transform=f"translate(20 {top}) scale({_SCALE})")
    below = top + _SKETCH * _SCALE + 18
    notes = ["A sketch: the number of tokens and experts is not the design's."]
    missing = [known.label for key, known in GATING_PROPERTIES.items() if key not in design.value]
    if missing:
        notes += wrapped(f"Not stated: {', '.join(missing).lower()}.", 12, _PANEL - 60)
    lines = [words(20, below + 16 * n, text, size=12, look="muted") for n, text in enumerate(notes)]
    return document(
        [*heading, sketch, *lines, *panel],
        width=_PAGE,
        height=max(below + 16 * len(lines), bottom) + 12,
        title=subject.title,
        alt=subject.alt,
        theme=theme,
        spoken=[f"{tip}." for tip in design.tips(*design.properties)],
    )


def sentence(name: str, stated: Sequence[Property]) -> str:
    """What the picture shows, in words made from the same properties."""
    value = {item.property: item.value for item in stated}
    unit = value.get("granularity")
    routed = _unit(unit) if unit else "inputs"
    score = {None: "scores that are not stated", "other": "scores of another kind"}.get(
        value.get("score"), f"{value_label('score', value.get('score', ''))} scores"
    )
    learned = {"yes": "a learned router", "no": "a router that is not learned"}.get(value.get("trainable", ""))
    how = {
        "token": "choose their experts",
        "expert": "are chosen by the experts",
        "solver": "are assigned to experts by a solver",
        "fixed": "go to experts by a fixed rule",
        "none": "use every expert",
    }.get(value.get("chooser", ""), "reach experts by a choice that is not stated")
    parts = [f"{routed.capitalize()} {how} by {score}" + (f" of {learned}" if learned else "")]
    parts.append(f"Experts per token: {_count(value)}")
    weights = {"yes": "scaled to sum to one", "no": "not renormalised"}.get(value.get("renormalised", ""), NOT_STATED)
    parts.append(f"Weights of the chosen experts: {weights}")
    for item, said in (
        ("selection_bias", "A bias per expert takes part in the choice only"),
        ("shared_experts", "Shared experts process every token"),
        ("null_experts", "Null experts, without computation, can be chosen"),
    ):
        if value.get(item) == "yes":
            parts.append(said)
    if value.get("overflow"):
        parts.append(f"Overflow: {value_label('overflow', value['overflow'])}")
    return clean(f"{name}. " + ". ".join(parts) + ".")


def _name_lines(name: str) -> list[str]:
    return wrapped(name, 20, _PAGE - 40, 2)


def _unit(granularity: str) -> str:
    return _UNITS.get(granularity, f"{granularity}s")


def _count(value: Mapping[str, str]) -> str:
    """How many experts a token gets, as people say it."""
    k = value.get("k")
    match value.get("experts_per_token"), k:
        case None, None:
            return "k not stated"
        case None, _:
            return f"k = {k}"
        case "one", None:
            return "one expert"
        case "one", "1":
            return "top-1" if value.get("chooser") == "token" else "one each"
        case "fixed-k", None:
            return "top-k" if value.get("chooser") == "token" else "fixed k"
        case "fixed-k", _ if k != "1":
            return f"top-{k}" if value.get("chooser") == "token" else f"fixed k = {k}"
        case "adaptive", None:
            return "adaptive k"
        case "all", None:
            return "all experts"
        case kind, _:
            return f"{kind}, k = {k}"


class _Design:
    """One design on its way into a picture."""

    def __init__(self, subject: Subject, lit: Collection[str] = ()) -> None:
        self.properties = {item.property: item for item in subject.stated}
        self.value = {item.property: item.value for item in subject.stated}
        self.sources = subject.sources
        self.lit = frozenset(lit)
        k = self.value.get("k", "")
        #: Experts per token of the sketch: two where no number is stated.
        self.k = max(1, int(k)) if re.fullmatch("[0-9]{1,9}", k) else 2

    def tips(self, *properties: str) -> list[str]:
        """Label, value and source of each property, a line each."""
        lines = []
        for name in properties:
            item = self.properties.get(name)
            said = NOT_STATED if item is None else value_label(name, item.value)
            if item is not None:
                place = citation(self.sources.get(item.source, item.source), item.locator, item.status)
                said += f" ({item.note})" if item.note else ""
                said += f" [{place}]"
            lines.append(f"{GATING_PROPERTIES[name].label}: {said}")
        return lines

    def part(
        self, properties: Sequence[str], *children: Element | None, around: tuple[float, float, float, float]
    ) -> Element:
        """Elements that show some properties: with their sources as a tooltip, and lit where one of them is."""
        hot = box(*around, "hot", rx=5) if self.lit.intersection(properties) else None
        tip = node("title", " · ".join(self.tips(*properties)))
        return node("g", tip, hot, *children, data_part=" ".join(properties))

    # --- the sketch ------------------------------------------------------------------------------------------------

    def sketch(self) -> list[Element]:
        """Tokens, scorer, choice, experts and sum."""
        shared = self.value.get("shared_experts") == "yes"
        return [
            self._groups(),
            *self._wires(),
            self._tokens(),
            self._scorer(),
            *self._shared(shared),
            *self._experts(),
            self._choice(),
            self._sum(),
            *self._additions(),
            *self._overflow(),
        ]

    def _tokens(self) -> Element:
        unit = self.value.get("granularity")
        look = "box" if unit else "box dash"
        squares = [box(_TOKENS - 9, y - 9, 18, 18, look) for y in _ROWS_OF_TOKENS]
        marks = [_unit_mark(unit, _TOKENS, y) for y in _ROWS_OF_TOKENS]
        flow = [line(_TOKENS + 9, y, _SCORER[0], y, "line") for y in _ROWS_OF_TOKENS]
        label = words(4, 14, _unit(unit) if unit else "unit not stated", look="ink" if unit else "muted")
        return self.part(["granularity"], *squares, *marks, *flow, label, around=(2, 2, 56, 136))

    def _scorer(self) -> Element:
        x, y, width, height = _SCORER
        score, trainable = self.value.get("score"), self.value.get("trainable")
        middle = x + width / 2
        learned = {"yes": "learned", "no": "not learned"}.get(trainable or "", "")
        lines = [score] if score else ["score", NOT_STATED]
        if score and width_of(score, 11) > width - 4:
            first, _, rest = score.partition("-")
            lines = [f"{first}-", rest] if rest else [clipped(score, 11, width - 4)]
        return self.part(
            ["score", "trainable"],
            box(x, y, width, height, "box" if score else "box dash", rx=7),
            *_glyph(score, middle, y + 28),
            *(
                words(
                    middle,
                    y + 62 + 12 * n,
                    text,
                    look="ink" if score else "muted",
                    text_anchor="middle",
                    font_weight=600 if score else 400,
                )
                for n, text in enumerate(lines)
            ),
            words(middle, y + height - 12, learned, size=10.5, look="muted", text_anchor="middle") if learned else None,
            around=(x - 4, y - 4, width + 8, height + 8),
        )

    def _additions(self) -> Iterator[Element]:
        """Bias and noise at the scorer's way out."""
        x = _SCORER[0] + _SCORER[2] - 8
        for name, sign, y in (("selection_bias", "b", _SCORER[1]), ("noise", "ε", _SCORER[1] + _SCORER[3])):
            value = self.value.get(name)
            if value in (None, "no", "none"):
                continue
            yield self.part(
                [name],
                disc(x, y, 10, "box"),
                disc(x, y, 10, "orange-line" if name == "selection_bias" else "pink-line"),
                words(x, y + 4, f"+{sign}", text_anchor="middle", font_weight=600),
                around=(x - 13, y - 13, 26, 26),
            )
        absent = [f"no {part}" for name, part in _ABSENT.items() if self.value.get(name) == "no"]
        if absent:
            lines = wrapped(", ".join(absent), 10.5, 100, 2)
            said = [words(34, 152 + 12 * n, text, size=10.5, look="muted") for n, text in enumerate(lines)]
            yield self.part([name for name in _ABSENT if name in self.value], *said, around=(30, 142, 104, 26))

    def _choice(self) -> Element:
        chooser = self.value.get("chooser")
        who = _CHOOSERS.get(chooser or "", "choice not stated")
        count = clipped(_count(self.value), 11, 104)
        middle = 166
        stated = chooser is not None
        return self.part(
            ["chooser", "experts_per_token", "k", "second_choice"],
            words(middle, 14, who, look="ink" if stated else "muted", text_anchor="middle", font_weight=600),
            words(middle, 27, count, look="muted" if "not stated" in count else "ink", text_anchor="middle"),
            around=(124, 2, 94, 30),
        )

    def _heights(self) -> list[float]:
        """Where the experts of the sketch stand."""
        if self.value.get("chooser") == "solver":
            return list(map(float, _ROWS_OF_TOKENS))
        number = 16 if self._many() else 8
        step = 98 / (number - 1)
        return [36 + step * n for n in range(number)]

    def _many(self) -> bool:
        """Whether the sketch needs more experts than usual."""
        return self.value.get("experts_per_token") in ("fixed-k", "adaptive") and self.k > 3

    def _pairs(self) -> list[tuple[int, int]]:
        """Which expert of the sketch processes which token."""
        number = len(self._heights())
        chooser, count = self.value.get("chooser"), self.value.get("experts_per_token")
        if chooser == "solver" and count in (None, "one"):
            return [(0, 2), (1, 0), (2, 3), (3, 1)]
        if count == "all" or (chooser == "none" and count is None):
            return [(token, expert) for token in range(4) for expert in range(number)]
        if chooser == "expert":
            # As many tokens for each expert; a token may be taken by several experts, or by none.
            return [(token, expert) for expert in range(number) for token in ((0, 3) if expert % 3 else (0, 1))]
        if count == "one":
            return list(enumerate((1, 5, 1, 6) if chooser != "fixed" else (0, 2, 4, 6)))
        starts = [number * n // 4 for n in range(4)] if chooser == "fixed" else [1, number // 2, 0, number - 3]
        each = {"adaptive": (1, 3, 2, 1), None: (1, 1, 1, 1)}.get(count, (min(self.k, 8),) * 4)
        step = 3 if number == 8 else 2
        return sorted({(t, (starts[t] + step * n) % number) for t in range(4) for n in range(each[t])})

    def _wires(self) -> Iterator[Element]:
        chooser = self.value.get("chooser")
        heights, pairs = self._heights(), self._pairs()
        start, end = _SCORER[0] + _SCORER[2], _EXPERTS - 7
        whole = {
            "token": "blue-line",
            "expert": "green-line",
            "solver": "orange-line",
            "fixed": "ink-line",
            "none": "faint",
        }.get(chooser or "", "line dash")
        if self.value.get("experts_per_token") == "all" and chooser:
            whole = "faint"
        if self.value.get("overflow") == "dropped":
            pairs = [pair for pair in pairs if pair != self._lost()]
        second = bool(self.value.get("second_choice"))
        seen: set[int] = set()
        for token, expert in pairs:
            y0, y1 = _ROWS_OF_TOKENS[token], heights[expert]
            look = whole
            if self._many() and token != _FOCUS and "faint" not in whole:
                look = f"{whole} pale"
            elif second and token in seen:
                look = f"{whole} dots"
            seen.add(token)
            if chooser == "fixed" or chooser == "solver":
                middle = 172
                yield line(start, y0, middle - 14, y0, look)
                yield line(middle + 14, y1, end, y1, look)
            else:
                yield curve(start, y0, end, y1, look)
            if chooser == "expert":
                yield path(f"M{start + 2} {y0}l7 -3.5v7z", "green")
        if chooser == "solver":
            yield box(158, 36, 28, 98, "box", rx=5)
            for token, expert in pairs:
                yield line(162, _ROWS_OF_TOKENS[token], 182, heights[expert], "orange-line")
        elif chooser == "fixed":
            yield box(158, 36, 28, 98, "box", rx=2)
            for n in range(1, 7):
                yield line(158, 36 + 14 * n, 186, 36 + 14 * n, "faint")
            yield line(172, 36, 172, 134, "faint")

    def _lost(self) -> tuple[int, int]:
        """The assignment that a full expert cannot take."""
        return next((pair for pair in reversed(self._pairs()) if pair[0] == 2), self._pairs()[-1])

    def _overflow(self) -> Iterator[Element]:
        overflow = self.value.get("overflow")
        if overflow in (None, "none"):
            return
        heights = self._heights()
        token, expert = self._lost()
        y0, y1 = _ROWS_OF_TOKENS[token], heights[expert]
        start = _SCORER[0] + _SCORER[2]
        if overflow == "dropped":
            marks = [
                curve(start, y0, 186, 154, "line dash"),
                path("M183 151l6 6m0 -6l-6 6", "red-line"),
                words(177, 163, "dropped", size=10.5, look="muted", text_anchor="end"),
            ]
        elif overflow == "next-expert":
            after = heights[(expert + 1) % len(heights)]
            x = _EXPERTS - 9
            marks = [
                path(f"M{x} {y1:.1f}C216 {y1:.1f} 216 {after:.1f} {x} {after:.1f}", "red-line"),
                words(212, 158, "to the next expert", size=10.5, look="muted", text_anchor="end"),
            ]
        else:
            marks = [
                *(box(_EXPERTS + 8, heights[n] - 3, 6, 6, "line dash", rx=1) for n in (0, 2, len(heights) - 1)),
                words(212, 158, "padded", size=10.5, look="muted", text_anchor="end"),
            ]
        yield self.part(["overflow"], *marks, around=(124, 148, 92, 20))

    def _experts(self) -> Iterator[Element]:
        heights = self._heights()
        used = {expert for token, expert in self._pairs() if token == _FOCUS or not self._many()}
        known = bool(self.value.get("chooser") or self.value.get("experts_per_token"))
        side = 10 if len(heights) <= 8 else 5.4
        yield words(_EXPERTS - 8, 14, "experts")
        for n, y in enumerate(heights):
            look = "green" if n in used and known else "box"
            yield box(_EXPERTS - side / 2, y - side / 2, side, side, look, rx=1.5)
        x, y = _SUM
        for n in sorted(used):
            yield line(_EXPERTS + side / 2 + 2, heights[n], x - 13, y, "faint" if known else "faint dash")

    def _groups(self) -> Element:
        if not self.value.get("groups"):
            return node("g")
        heights = self._heights()
        half = len(heights) // 2
        frames = [
            box(_EXPERTS - 11, part[0] - 7.5, 22, part[-1] - part[0] + 15, "line dash", rx=4)
            for part in (heights[:half], heights[half:])
        ]
        return self.part(["groups"], *frames, around=(_EXPERTS - 14, 26, 28, 118))

    def _shared(self, shared: bool) -> Iterator[Element]:
        """Experts beside the routed ones: those that all tokens use, and those that do nothing."""
        if self.value.get("null_experts") == "yes":
            y = 153
            yield self.part(
                ["null_experts"],
                curve(_SCORER[0] + _SCORER[2], _ROWS_OF_TOKENS[3], _EXPERTS - 7, y, "line dash"),
                box(_EXPERTS - 5, y - 5, 10, 10, "line dash", rx=1.5),
                words(_EXPERTS + 10, y + 4, "null", size=10.5),
                around=(_EXPERTS - 10, y - 8, 46, 16),
            )
        if shared:
            y, x = 171, _TOKENS
            yield self.part(
                ["shared_experts"],
                path(f"M{x} 133V{y - 8}Q{x} {y} {x + 8} {y}H{_EXPERTS - 7}", "pink-line"),
                box(_EXPERTS - 5, y - 5, 10, 10, "pink", rx=1.5),
                words(_EXPERTS + 10, y + 4, "shared", size=10.5),
                path(f"M{_EXPERTS + 46} {y}Q{_SUM[0]} {y} {_SUM[0]} {y - 8}V{_SUM[1] + 13}", "pink-line"),
                around=(_EXPERTS - 10, y - 8, 60, 16),
            )

    def _sum(self) -> Element:
        x, y = _SUM
        scaled = self.value.get("renormalised")
        label = {"yes": ["Σ w = 1"], "no": ["w as", "scored"]}.get(scaled or "", ["weights", NOT_STATED])
        return self.part(
            ["order", "renormalised"],
            disc(x, y, 13, "box" if scaled else "box dash"),
            words(x, y + 5, "Σ", size=14, text_anchor="middle", font_weight=600),
            line(x + 13, y, 316, y, "line"),
            path(f"M317 {y}l-6 -3.5v7z", "muted"),
            *(
                words(x, y - 19 - 12 * n, text, size=10.5, look="ink" if scaled else "muted", text_anchor="middle")
                for n, text in enumerate(reversed(label))
            ),
            around=(x - 28, y - 46, 55, 62),
        )

    # --- words -----------------------------------------------------------------------------------------------------

    def rows(self) -> Iterator[Element]:
        """The lines of a card under the sketch."""
        value = self.value
        causal = {"yes": "causal", "no": "not causal"}.get(value.get("autoregressive_safe", ""), "causality not stated")
        scaled = {"yes": "sum to one", "no": "not renormalised"}.get(value.get("renormalised", ""), NOT_STATED)
        order = value_label("order", value["order"]) if "order" in value else "order not stated"
        order = "order not applicable" if order == "—" else order
        found = [
            ("Weights", f"{order}; {scaled}", ("order", "renormalised")),
            (
                "Gradient",
                f"{_GRADIENTS.get(value.get('differentiable', ''), NOT_STATED)}; {causal}",
                ("differentiable", "autoregressive_safe"),
            ),
            ("Overflow", value_label("overflow", value.get("overflow", NOT_STATED)), ("overflow",)),
        ]
        quoted = [(label, value[name], (name,)) for name, label in _QUOTED.items() if name in value]
        # Of two compared designs, what differs goes first.
        quoted.sort(key=lambda row: row[2][0] not in self.lit)
        found += quoted[: _ROWS - len(found)]
        for n, (label, text, properties) in enumerate(found):
            y = _SKETCH + 12 + _ROW * n
            said = text != NOT_STATED
            yield self.part(
                properties,
                words(8, y, label, size=10.5, look="muted"),
                words(68, y, clipped(text, 11, _CARD - 74), look="ink" if said else "muted"),
                around=(3, y - 11.2, _CARD - 6, _ROW - 1.5),
            )

    def panel(self, top: float) -> tuple[list[Element], float]:
        """Every property of a page beside the sketch, and where the list ends."""
        out: list[Element] = []
        y = top + 16.0
        room = _PAGE - _PANEL - _LABEL - 12
        for name in GATING_PROPERTIES:
            if name not in self.value:
                continue
            lines = wrapped(value_label(name, self.value[name]), 13, room)
            out.append(
                self.part(
                    [name],
                    words(_PANEL, y, GATING_PROPERTIES[name].label, size=12, look="muted"),
                    *(words(_PANEL + _LABEL, y + 16 * n, text, size=13) for n, text in enumerate(lines)),
                    around=(_PANEL - 6, y - 14, _PAGE - _PANEL - 4, 16 * len(lines) + 3),
                )
            )
            y += 16 * len(lines) + 4
        return out, y


# --- small signs -----------------------------------------------------------------------------------------------------


def _unit_mark(unit: str | None, x: float, y: float) -> Element | None:
    """What stands in a square for what is routed as one: more lines for more text, a frame for a picture."""
    if unit in (None, "token"):
        return disc(x, y, 3, "blue") if unit else words(x, y + 4, "?", look="muted", text_anchor="middle")
    if unit in ("patch", "image"):
        return path(f"M{x - 5} {y + 4}l4 -5 3 3 2 -2 2 4z", "blue")
    if unit in ("segment", "sequence", "batch"):
        rows = {"segment": 2, "sequence": 3, "batch": 4}[unit]
        return path("".join(f"M{x - 5} {y - 6 + 12 * (n + 1) / (rows + 1):.1f}h10" for n in range(rows)), "blue-line")
    return words(x, y + 4, str(unit)[0].upper(), look="blue", text_anchor="middle", font_weight=600)


def _glyph(score: str | None, x: float, y: float) -> list[Element]:
    """The function's shape, centred, some 40 by 30."""
    left, right, low, high = x - 20, x + 20, y + 14, y - 14
    match score:
        case "softmax":
            bars = (6, 24, 10, 4)
            return [box(left + 2 + 10 * n, low - bar, 7, bar, "orange", rx=1) for n, bar in enumerate(bars)]
        case "sigmoid":
            return [
                _axis(x, y),
                path(f"M{left} {low - 1}C{x + 2} {low - 1} {x - 2} {high} {right} {high}", "orange-line"),
            ]
        case "relu":
            return [_axis(x, y), path(f"M{left} {low - 1}H{x}L{right} {high}", "orange-line")]
        case "linear":
            return [_axis(x, y), path(f"M{left} {low}L{right} {high}", "orange-line")]
        case "sqrt-softplus":
            return [
                _axis(x, y),
                path(f"M{left} {low - 1}C{x - 4} {low - 2} {x - 4} {high + 6} {right} {high}", "orange-line"),
            ]
        case "cosine":
            return [
                path(f"M{left + 4} {low}L{right - 4} {low - 6}M{left + 4} {low}L{x + 4} {high}", "orange-line"),
                path(f"M{x} {low - 3.3}Q{x} {y + 1} {x - 7} {y + 1}", "line"),
                path(f"M{right - 2} {low - 6.3}l-6.5 -2.5 .6 6.6zM{x + 5} {high - 2}l-6 3.2 5.6 3.4z", "orange"),
            ]
        case "attention":
            shades = ("orange", "box", "orange", "box", "orange", "box", "box", "orange", "orange")
            return [
                box(x - 15 + 10 * (n % 3), y - 15 + 10 * (n // 3), 9, 9, look, rx=1) for n, look in enumerate(shades)
            ]
        case "distance":
            return [
                disc(x, y, 13, "line"),
                disc(x, y, 2.5, "orange"),
                disc(x + 8, y - 5, 2.5, "blue"),
                line(x, y, x + 8, y - 5, "orange-line"),
                disc(x - 17, y + 11, 2.5, "muted"),
            ]
        case "hash":
            strokes = f"M{x - 4} {high}L{x - 9} {low}M{x + 9} {high}L{x + 4} {low}"
            return [path(f"{strokes}M{left + 5} {y - 5}H{right - 3}M{left + 3} {y + 5}H{right - 5}", "orange-line")]
        case "random":
            dots = ((-6, -6), (6, 6), (0, 0), (6, -6), (-6, 6))
            return [
                box(x - 13, y - 13, 26, 26, "line", rx=5),
                *(disc(x + dx, y + dy, 2.4, "orange") for dx, dy in dots),
            ]
        case None:
            return [words(x, y + 8, "?", size=24, look="muted", text_anchor="middle")]
    return [words(x, y + 8, "ƒ(x)", size=19, look="orange", text_anchor="middle", font_style="italic")]


def _axis(x: float, y: float) -> Element:
    return path(f"M{x - 20} {y + 14}H{x + 20}M{x} {y + 14}V{y - 14}", "faint")
