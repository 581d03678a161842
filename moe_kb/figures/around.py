"""The typed graph one step around a record: what points to it on the left, what it points to on the right."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go

from moe_kb.figures.palette import BLUE, GREEN, GREY, ORANGE, PINK, RED, SKY, SYMBOLS, YELLOW, quiet
from moe_kb.kb import KnowledgeBase

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


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One typed edge at the record."""

    record: str
    """The other end."""
    name: str
    kind: str
    year: int | None
    type: str
    forward: bool
    """Whether the edge starts at the record asked about."""
    status: str
    source: str | None
    locator: str | None
    note: str | None

    @property
    def label(self) -> str:
        """Name, with the year where there is one."""
        return f"{self.name} ({self.year})" if self.year else self.name


def neighbours(kb: KnowledgeBase, record: str) -> list[Neighbour]:
    """Every typed edge at a record, citations left out, by type and name."""
    names = {row["record"]: row for row in kb.rows("SELECT record, name, kind, year FROM records")}
    for row in kb.rows("SELECT taxonomy, node, label FROM nodes"):
        end = f"node:{row['taxonomy']}:{row['node']}" if row["node"] else f"taxonomy:{row['taxonomy']}"
        names[end] = {"name": row["label"], "kind": "node", "year": None}
    out = []
    for edge in kb.edges(record):
        if edge["type"] == "cites":
            continue
        forward = edge["head"] == record
        other = edge["tail"] if forward else edge["head"]
        known = names.get(other, {"name": other.partition(":")[2], "kind": other.partition(":")[0], "year": None})
        out.append(
            Neighbour(
                other,
                known["name"],
                known["kind"],
                known["year"],
                edge["type"],
                forward,
                edge["status"],
                edge["source"],
                edge["locator"],
                edge["note"],
            )
        )
    order = list(STYLES)
    out.sort(
        key=lambda one: (order.index(one.type) if one.type in order else len(order), one.year or 0, one.name.lower())
    )
    return out


def picture(kb: KnowledgeBase, record: str) -> go.Figure:
    """The neighbours in two columns about the record; each point's customdata is the record it stands for."""
    found = neighbours(kb, record)
    sides = {forward: _once([one for one in found if one.forward is forward])[:LIMIT] for forward in (False, True)}
    columns = {False: -1.0, True: 1.0}
    rows = max((len(side) for side in sides.values()), default=0)
    figure = go.Figure()
    ends: dict[bool, list[tuple[float, float]]] = {}
    for forward, side in sides.items():
        ends[forward] = [(columns[forward], (len(side) - 1) / 2 - i) for i in range(len(side))]
    for kind_of_edge in dict.fromkeys(one.type for side in sides.values() for one in side):
        xs: list[float | None] = []
        ys: list[float | None] = []
        for forward, side in sides.items():
            for one, (x, y) in zip(side, ends[forward], strict=True):
                if one.type == kind_of_edge:
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
            text=[escape(_short(one.label)) for one in side],
            showlegend=False,
            textposition="middle right" if forward else "middle left",
            customdata=[one.record for one in side],
            hovertext=[_hover(one, record) for one in side],
            hoverinfo="text",
            marker={
                "size": 10,
                "symbol": [SYMBOLS.get(one.kind, "circle") for one in side],
                "color": [STYLES.get(one.type, (GREY, ""))[0] for one in side],
            },
        )
    figure.add_scatter(
        x=[0.0],
        y=[0.0],
        mode="markers",
        marker={"size": 18, "color": GREY, "symbol": SYMBOLS.get(record.partition(":")[0], "circle")},
        showlegend=False,
        hoverinfo="text",
        hovertext=[escape(record)],
    )
    quiet(figure, max(220, ROW * max(rows, 4) + 70), top=40)
    figure.update_xaxes(visible=False, range=[-2.1, 2.1], fixedrange=True)
    figure.update_yaxes(visible=False, range=[-max(rows, 4) / 2 - 0.5, max(rows, 4) / 2 + 0.5], fixedrange=True)
    return figure


def _once(found: list[Neighbour]) -> list[Neighbour]:
    """The first edge to each other end: the picture has one point for it."""
    return list({one.record: one for one in reversed(found)}.values())[::-1]


def _short(text: str, limit: int = 44) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _hover(one: Neighbour, record: str) -> str:
    here = record.partition(":")[2]
    sentence = f"{here} {one.type} {one.label}" if one.forward else f"{one.label} {one.type} {here}"
    lines = [f"<b>{escape(sentence)}</b>", escape(one.kind)]
    if one.note:
        lines.append(escape(_short(one.note, 120)))
    if one.source:
        lines.append(escape(", ".join(filter(None, (one.source, one.locator)))))
    return "<br>".join(lines)
