"""The typed graph one step around a record: what points to it on the left, what it points to on the right."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from moe_kb.charts.palette import BLUE, GREEN, GREY, ORANGE, PINK, RED, SKY, SYMBOLS, YELLOW, quiet
from moe_kb.charts.safe import safe
from moe_kb.format import citation, escaped
from moe_kb.queries.graph import Neighbour

ROW, LIMIT = 24, 30
"""Pixels per neighbour, and neighbours per side in the picture; the table holds them all."""

#: Colour and line of each type of edge; kin share a colour.
STYLES: dict[str, tuple[str, str]] = {
    "introduces": (BLUE, "solid"),
    "described-by": (BLUE, "dot"),
    "implements": (BLUE, "dash"),
    "uses": (GREEN, "solid"),
    "modifies": (GREEN, "dash"),
    "studies": (GREEN, "dot"),
    "extends": (ORANGE, "solid"),
    "variant-of": (ORANGE, "dash"),
    "based-on": (ORANGE, "dot"),
    "combines": (RED, "solid"),
    "replaces": (RED, "dash"),
    "succeeds": (RED, "dot"),
    "compares": (PINK, "solid"),
    "related": (PINK, "dot"),
    "same-as": (YELLOW, "solid"),
    "broader": (YELLOW, "dash"),
    "narrower": (YELLOW, "dot"),
    "placed-in": (GREY, "solid"),
    "is-a": (GREY, "dash"),
    "cites": (SKY, "dot"),
}


@safe
def neighbourhood(record: str, name: str, found: Sequence[Neighbour]) -> go.Figure:
    """The neighbours in two columns about the record; each point's customdata is the record it stands for.

    Args:
        record: Full name of the record in the middle.
        name: What it is called.
        found: Its edges.
    """
    sides = {way: _once([other for other in found if other.forward is way])[:LIMIT] for way in (False, True)}
    rows = max(4, *map(len, sides.values()))
    figure = go.Figure()
    ends = {
        forward: [(1.0 if forward else -1.0, (len(side) - 1) / 2 - i) for i in range(len(side))]
        for forward, side in sides.items()
    }
    for kind_of_edge in dict.fromkeys(neighbour.type for side in sides.values() for neighbour in side):
        xs: list[float | None] = []
        ys: list[float | None] = []
        for forward, side in sides.items():
            for neighbour, (x, y) in zip(side, ends[forward], strict=True):
                if neighbour.type == kind_of_edge:
                    for step in range(13):  # an S-curve from the middle to the point
                        t = step / 12
                        xs.append(x * (0.04 + 0.94 * t))
                        ys.append(y * (3 * t * t - 2 * t * t * t))
                    xs.append(None)
                    ys.append(None)
        colour, dash = STYLES.get(kind_of_edge, (GREY, "solid"))
        figure.add_scatter(
            x=xs,
            y=ys,
            mode="lines",
            name=kind_of_edge,
            line={"color": colour, "width": 1.6, "dash": dash},
            hoverinfo="skip",
            showlegend=True,
        )
    for forward, side in sides.items():
        figure.add_scatter(
            x=[x for x, _ in ends[forward]],
            y=[y for _, y in ends[forward]],
            mode="markers+text",
            text=[escaped(_short(neighbour.label)) for neighbour in side],
            showlegend=False,
            textposition="middle right" if forward else "middle left",
            customdata=[neighbour.record for neighbour in side],
            hovertext=[_hover(neighbour, name) for neighbour in side],
            hoverinfo="text",
            marker={
                "size": 10,
                "symbol": [SYMBOLS.get(neighbour.kind, "circle") for neighbour in side],
                "color": [STYLES.get(neighbour.type, (GREY, ""))[0] for neighbour in side],
            },
        )
    figure.add_scatter(
        x=[0.0],
        y=[0.0],
        mode="markers",
        marker={"size": 18, "color": GREY, "symbol": SYMBOLS.get(record.partition(":")[0], "circle")},
        showlegend=False,
        hoverinfo="text",
        hovertext=[escaped(record)],
    )
    quiet(figure, max(220, ROW * (rows + 1) + 70), top=40)
    # Above all lines, in the middle.
    figure.add_annotation(x=0, y=rows / 2 + 0.4, text=f"<b>{escaped(_short(name))}</b>", showarrow=False)
    figure.update_xaxes(visible=False, range=[-2.1, 2.1], fixedrange=True)
    figure.update_yaxes(visible=False, range=[-rows / 2 - 0.5, rows / 2 + 0.9], fixedrange=True)
    return figure


def _once(found: list[Neighbour]) -> list[Neighbour]:
    """The first edge to each other end: the picture has one point for it."""
    return list({neighbour.record: neighbour for neighbour in reversed(found)}.values())[::-1]


def _short(text: str, limit: int = 44) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _hover(neighbour: Neighbour, here: str) -> str:
    start, end = (here, neighbour.label) if neighbour.forward else (neighbour.label, here)
    sentence = f"{start} {neighbour.type} {end}"
    lines = [f"<b>{escaped(sentence)}</b>", escaped(neighbour.kind)]
    if neighbour.note:
        lines.append(escaped(_short(neighbour.note, 120)))
    if neighbour.source:
        lines.append(escaped(citation(neighbour.source, neighbour.locator)))
    return "<br>".join(lines)
