"""The surveys' timelines of models, and the growth of the literature."""

from __future__ import annotations

from html import escape
from typing import Any

import plotly.graph_objects as go

from moe_kb.charts.palette import BLUE, GREEN, GREY, ORANGE, PINK, YELLOW, quiet
from moe_kb.kb import KnowledgeBase
from moe_kb.records.table import Row

TIMELINES = ("timeline-2025", "survey-a-figure-1")
ROW = 24
"""Pixels per model in a column."""

DOMAINS = {"NLP": BLUE, "Multimodal": ORANGE, "Vision": GREEN, "RecSys": PINK}


def models(kb: KnowledgeBase, table: str, organisations: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """The rows of a timeline in printed order, those of some organisations only if any are given.

    Each has `label`, `period` as printed, `openness`, `domain`, `organisation`, and the model it is about: `record`,
    `name`, `released` (the best date known for the model as a whole).
    """
    subjects = {
        row["row"]: row
        for row in kb.rows(
            "SELECT t.row, t.subject, r.name, m.released FROM table_rows t LEFT JOIN records r ON r.record = t.subject "
            "LEFT JOIN models m ON 'model:' || m.key = t.subject WHERE t.record = ?",
            (f"table:{table}",),
        )
    }
    out = []
    for row in kb.table(table).rows:
        known = subjects.get(row.row, {"subject": None, "name": None, "released": None})
        organisation = _printed(row, "organisation") or "not named"
        if organisations and organisation not in organisations:
            continue
        out.append(
            {
                "label": row.label,
                "period": _printed(row, "released") or "no date",
                "openness": _printed(row, "openness") or "not said",
                "domain": _printed(row, "domain") or "not said",
                "organisation": organisation,
                "record": known["subject"],
                "name": known["name"] or row.label,
                "released": known["released"],
            }
        )
    return out


def _printed(row: Row, column: str) -> str | None:
    cell = row.cells.get(column)
    if isinstance(cell, list):
        cell = cell[0] if cell else None
    return cell if cell is None or isinstance(cell, str) else cell.printed


def available(kb: KnowledgeBase) -> dict[str, str]:
    """Timelines that this knowledge base holds, newest first, with their titles."""
    titles = {
        row["key"]: row["title"]
        for row in kb.rows(
            "SELECT key, coalesce(json_extract(content, '$.title'), name) AS title FROM records WHERE kind = 'table'"
        )
    }
    return {key: titles[key] for key in TIMELINES if key in titles}


def figure(kb: KnowledgeBase, table: str, organisations: tuple[str, ...] = ()) -> go.Figure:
    """Models in columns of time, open ones above the line and closed ones below; customdata is the model's record.

    Columns are the source's own periods, equally wide, because it says no more about a date than its column; inside a
    column each model has its own row, so that no names collide.
    """
    everything = models(kb, table)
    periods = list(dict.fromkeys(row["period"] for row in everything))
    shown = [row for row in everything if not organisations or row["organisation"] in organisations]
    height = {"open": 0, "closed": 0}
    filled: dict[tuple[str, str], int] = {}
    for row in shown:
        side = "open" if row["openness"] == "open" else "closed"
        place = filled[row["period"], side] = filled.get((row["period"], side), 0) + 1
        height[side] = max(height[side], place)
        row["x"] = periods.index(row["period"])
        row["y"] = place if side == "open" else -place
    top, bottom = height["open"] + 0.8, -height["closed"] - 0.8
    out = go.Figure()
    for i in range(0, len(periods), 2):
        out.add_vrect(x0=i - 0.04, x1=i + 0.96, fillcolor=GREY, opacity=0.07, line_width=0, layer="below")
    out.add_hline(y=0, line={"color": GREY, "width": 1})
    for domain in dict.fromkeys([*DOMAINS, *(row["domain"] for row in shown)]):
        rows = [row for row in shown if row["domain"] == domain]
        if not rows:
            continue
        out.add_scatter(
            x=[row["x"] + 0.03 for row in rows],
            y=[row["y"] for row in rows],
            mode="markers+text",
            name=domain,
            text=[escape(row["label"]) for row in rows],
            textposition="middle right",
            textfont={"size": 11},
            legendgroup=domain,
            showlegend=False,
            customdata=[row["record"] for row in rows],
            hovertext=[_hover(row) for row in rows],
            hoverinfo="text",
            marker={
                "size": 10,
                "color": DOMAINS.get(domain, YELLOW),
                "line": {"width": 1.5, "color": DOMAINS.get(domain, YELLOW)},
                "symbol": ["circle" if row["openness"] == "open" else "diamond-open" for row in rows],
            },
        )
        # The legend is about colour only; its own entry keeps a neutral marker whatever the first model's is.
        out.add_scatter(
            x=[None],
            y=[None],
            mode="markers",
            name=domain,
            legendgroup=domain,
            marker={"size": 10, "symbol": "square", "color": DOMAINS.get(domain, YELLOW)},
        )
    for y, text, anchor in ((top, "● open weights", "top"), (bottom, "◇ closed", "bottom")):
        out.add_annotation(
            x=0,
            xref="paper",
            y=y,
            text=text,
            showarrow=False,
            xanchor="left",
            yanchor=anchor,
            font={"size": 12, "color": GREY},
        )
    quiet(out, int(ROW * (top - bottom)) + 90, top=36, bottom=30)
    out.update_xaxes(
        tickvals=[i + 0.46 for i in range(len(periods))],
        ticktext=[_wrapped(period) for period in periods],
        range=[-0.06, len(periods)],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
        side="bottom",
    )
    out.update_yaxes(visible=False, range=[bottom, top], fixedrange=True)
    return out


def _wrapped(period: str) -> str:
    """Year above, months below."""
    year, _, months = period.partition(" ")
    return f"{escape(year)}<br>{escape(months)}" if months else escape(year)


def _hover(row: dict[str, Any]) -> str:
    lines = [
        f"<b>{escape(row['label'])}</b>",
        f"{escape(row['organisation'])} · {escape(row['domain'])}",
        f"{escape(row['openness'])} · {escape(row['period'])}",
    ]
    if row["released"]:
        lines.append(f"best known date: {escape(row['released'])}")
    return "<br>".join(lines)


def growth(kb: KnowledgeBase) -> go.Figure:
    """Papers by year: those about mixtures of experts, and those here because a survey leans on them."""
    rows = kb.rows("SELECT year, scope = 'core' AS core, count(*) AS n FROM papers GROUP BY 1, 2 ORDER BY 1")
    out = go.Figure()
    for core, name, colour in ((1, "about mixtures of experts", BLUE), (0, "background and neighbours", GREY)):
        part = [row for row in rows if row["core"] == core]
        out.add_bar(
            x=[row["year"] for row in part],
            y=[row["n"] for row in part],
            name=name,
            marker={"color": colour},
            hovertemplate="%{x}: %{y} papers<extra>" + name + "</extra>",
        )
    quiet(out, 320, top=36, bottom=40)
    out.update_layout(barmode="stack", bargap=0.25, legend_traceorder="normal")
    out.update_xaxes(title="Year", tickformat="d", showgrid=False, fixedrange=True)
    out.update_yaxes(title="Papers", fixedrange=True)
    return out
