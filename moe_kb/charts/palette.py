"""Colours, markers and small habits that all figures share.

The colours follow Okabe and Ito's, told apart by colour-blind readers, with the yellow darkened and the black replaced
by a grey, so that each has enough contrast on a white and on a nearly black background.
"""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

BLUE, ORANGE, GREEN, PINK = "#2f86c6", "#dd6b20", "#13a077", "#c86fa0"
YELLOW, SKY, GREY, RED = "#b88a1b", "#56b4e9", "#868e99", "#d1495b"
COLOURS = (BLUE, ORANGE, GREEN, PINK, YELLOW, SKY, RED, GREY)

#: Darker relatives for filled areas: white text of 12 pixels on them has a contrast of at least 4.5 to 1.
FILLS = ("#1f6fad", "#b4540f", "#0b7a5b", "#a04a7c", "#846010", "#b03a4c")
FILL_GREY = "#5f6874"

#: Marker of each kind of thing in the graph.
SYMBOLS = {
    "paper": "circle",
    "design": "square",
    "model": "diamond",
    "system": "hexagon",
    "accelerator": "pentagon",
    "node": "triangle-up",
    "source": "cross",
    "table": "x",
    "implementation": "star",
}


#: A plotly trace as plain values: plotly checks them once, when they go into a figure, and not twice.
Trace = dict[str, Any]


def entry(group: str, colour: str, symbol: str, edge: str | None = None) -> Trace:
    """A group's entry in the legend, full whether or not its marks are hollow; `edge` outlines it in its colour."""
    width = 1.5 if edge else 2 if symbol.endswith("-thin") else 0
    marker = {"size": 10, "symbol": symbol, "color": colour, "line": {"width": width, "color": edge or colour}}
    common = {"type": "scatter", "x": [None], "y": [None], "mode": "markers"}
    return {**common, "name": group, "legendgroup": group, "marker": marker}


def quiet(figure: go.Figure, height: int, *, top: int = 10, right: int = 10, bottom: int = 10) -> go.Figure:
    """Small margins, a transparent background, one height, legend above."""
    figure.update_layout(
        height=height,
        margin={"l": 10, "r": right, "t": top, "b": bottom},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "xanchor": "left", "x": 0, "title": None},
        hoverlabel={"align": "left"},
    )
    return figure
