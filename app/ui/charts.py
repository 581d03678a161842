"""Charts and formulas in the app's theme."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from moe_kb.charts.neighbourhood import LIMIT, neighbourhood
from moe_kb.kb import KnowledgeBase
from moe_kb.queries.graph import Neighbour

from .base import cached, empty
from .links import open_record, source_name
from .record_table import Column, record_table

#: No logo, no upload to a chart service; the picture can be saved.
PLOTLY = {
    "displaylogo": False,
    "displayModeBar": "hover",
    "showSendToCloud": False,
    "showEditInChartStudio": False,
    "modeBarButtonsToRemove": [
        "sendDataToCloud",
        "sendChartToCloud",
        "editInChartStudio",
        "select2d",
        "lasso2d",
        "autoScale2d",
    ],
    "toImageButtonOptions": {"format": "svg"},
}


#: Text of figures, and what is behind it in hover boxes; the theme's own grey is too pale for small labels.
_INK = {"light": ("#3a4450", "#ffffff"), "dark": ("#c9d1db", "#1a212b")}


def chart(figure: go.Figure, *, key: str, alt: str, opens: bool = False, on_select: Any = None) -> None:
    """A figure in the app's theme.

    Args:
        figure: What is drawn.
        key: Unique on the page.
        alt: What it shows, for screen readers.
        opens: Whether a click on a point opens the record that the point carries as customdata.
        on_select: What else a click on a point calls.
    """
    shown = _inked(figure, *_INK.get(str(st.context.theme.type), _INK["light"]))
    called = partial(_point_clicked, key) if opens else on_select
    click = {"on_select": called, "selection_mode": "points"} if called else {}
    st.plotly_chart(shown, key=key, alt=alt, config=PLOTLY, height="content", **click)


#: Copying a figure costs more than all else of showing it; of figures that are kept (`ui.cached`) the copies are too.
_copies: dict[tuple[int, str], tuple[weakref.ref[go.Figure], go.Figure]] = {}


def _inked(figure: go.Figure, ink: str, paper: str) -> go.Figure:
    """A copy with text in this colour, hover boxes on this paper: the figure itself is shared between themes."""
    original, copy = _copies.get((id(figure), ink), (None, None))
    if copy is not None and original is not None and original() is figure:
        return copy
    for key in [key for key, (gone, _) in list(_copies.items()) if gone() is None]:
        _copies.pop(key, None)
    hover = {"font": {"color": ink, "size": 13}, "bgcolor": paper, "bordercolor": ink}
    bar = {"bgcolor": "rgba(0,0,0,0)", "color": ink, "activecolor": ink}
    copy = go.Figure(figure).update_layout(
        font_color=ink, legend_font_color=ink, legend_title_font_color=ink, hoverlabel=hover, modebar=bar
    )
    copy.update_xaxes(tickfont_color=ink, title_font_color=ink)
    copy.update_yaxes(tickfont_color=ink, title_font_color=ink)
    copy.update_coloraxes(colorbar={"tickfont": {"color": ink}, "title": {"font": {"color": ink}}})
    _copies[id(figure), ink] = weakref.ref(figure), copy
    return copy


def latex(formula: str) -> None:
    """A formula from a record; a dollar in it cannot end the formula."""
    st.latex(formula.replace("$", r"\$"))


def inline_latex(formula: str) -> str:
    """Markdown of a symbol from a record."""
    return "$" + formula.replace("$", r"\$") + "$"


def _point_clicked(key: str) -> None:
    points = st.session_state[key].selection.points
    if points and isinstance(points[0].get("customdata"), str):
        open_record(points[0]["customdata"])


#: Records that a picture of the graph is worth.
FEWEST = 4


def _neighbourhood(kb: KnowledgeBase, record: str) -> go.Figure:
    name = kb.node_labels().get(record.removeprefix("node:")) if record.startswith("node:") else kb.brief(record).label
    return neighbourhood(record, name or record, cached(KnowledgeBase.neighbours, kb, record))


def _row(kb: KnowledgeBase, edges: list[Neighbour]) -> dict[str, Any]:
    """A record with all that joins it to another: each edge, note and source once."""

    def once(texts: Iterable[str | None]) -> str:
        return "; ".join(dict.fromkeys(text for text in texts if text))

    return asdict(edges[0]) | {
        "edge": ", ".join(dict.fromkeys(f"{'→' if edge.forward else '←'} {edge.type}" for edge in edges)),
        "note": once(edge.note for edge in edges),
        "status": once(edge.status for edge in edges),
        "source": once(source_name(kb, edge.source, edge.locator) for edge in edges),
    }


def graph(kb: KnowledgeBase, record: str, *, key: str) -> None:
    """The typed graph one step around a record or node, as a picture and as a table."""
    found = cached(KnowledgeBase.neighbours, kb, record)
    if not found:
        empty("No related records.", "Relations, usages and placements are written in the records.")
        return
    others: dict[str, list[Neighbour]] = {}
    for neighbour in found:
        others.setdefault(neighbour.record, []).append(neighbour)
    if len(others) >= FEWEST:
        st.caption("What points to it on the left, what it points to on the right. Click a point or a name.")
        chart(
            cached(_neighbourhood, kb, record),
            key=f"{key}-{record}",
            opens=True,
            alt="What points to the record on the left, what it points to on the right, coloured by type of edge",
        )
        ends = {(neighbour.record, neighbour.forward) for neighbour in found}
        forward = sum(points_on for _, points_on in ends)
        if max(forward, len(ends) - forward) > LIMIT:
            st.caption(f"The picture shows {LIMIT} on each side; the table shows all {len(others)}.")
    record_table(
        [_row(kb, edges) for edges in others.values()],
        {
            "kind": "Kind",
            "year": Column("Year", "number", digits="d"),
            "edge": Column("Edge", help="→ from the record in the middle, ← towards it"),
            "note": Column("Note", width=220),
            "status": Column("Status", minor=True),
            "source": Column("Source", width=220),
        },
        key=f"{key}-table",
        alt="Every record joined to this one by a typed edge, with its sources",
        sort="sort-related",
    )


def related_records(kb: KnowledgeBase, record: str, *, key: str) -> None:
    """A section with the records around one; nothing where there are none."""
    if cached(KnowledgeBase.neighbours, kb, record):
        st.header("Related records", anchor=False)
        graph(kb, record, key=key)
