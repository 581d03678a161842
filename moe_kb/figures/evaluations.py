"""Benchmark scores (survey A, Table 3) and systems (Table 4) as rows and charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from moe_kb.fields import BENCHMARKS, MEASURES, label_of
from moe_kb.figures.labels import places
from moe_kb.figures.models import SYMBOLS, axis
from moe_kb.figures.palette import BLUE, COLOURS, ORANGE
from moe_kb.format import compact
from moe_kb.kb import KnowledgeBase

#: What a score can be charted against.
AGAINST = ("params_active", "params_total", "year")
OPTIMISES = {"computation": "Computation", "communication": "Communication", "storage": "Storage"}


def scores(kb: KnowledgeBase) -> list[dict[str, Any]]:
    """Every score with its setting, its source and the size of what was measured.

    Rows: record, model, label, organisation, benchmark, score, setting, status, preferred, params_active, params_total,
    year, source, locator. Scores of table rows that no model is tied to are left out.
    """
    sizes: dict[tuple[str, str, str], float] = {
        (row["subject"], row["configuration"], row["field"]): row["number"]
        for row in kb.rows(
            "SELECT subject, configuration, field, number FROM claims WHERE preferred AND configuration IS NOT NULL "
            "AND field IN ('params_active', 'params_total') AND number IS NOT NULL"
        )
    }
    released: dict[tuple[str, str], str] = {
        (row["subject"], row["configuration"]): row["value"]
        for row in kb.rows(
            "SELECT subject, configuration, value FROM claims "
            "WHERE preferred AND configuration IS NOT NULL AND field = 'released'"
        )
    }
    rows = kb.rows(
        "SELECT c.subject AS record, m.name AS model, m.organisation, m.released, c.configuration, "
        "c.field AS benchmark, c.number AS score, c.printed, c.unit, c.setting, c.status, c.preferred, "
        "c.source, c.locator FROM claims c "
        "JOIN models m ON c.subject = 'model:' || m.key WHERE c.number IS NOT NULL AND c.field IN "
        f"({', '.join('?' for _ in BENCHMARKS)}) ORDER BY c.field, c.number DESC",
        tuple(BENCHMARKS),
    )
    out = []
    for row in rows:
        part = row.pop("configuration")
        date = released.get((row["record"], part)) or row["released"] or ""
        out.append(
            {
                **row,
                "label": f"{row['model']} {part}" if part else row["model"],
                "year": int(date[:4]) if date[:4].isdigit() else None,
                "released": date or None,
                "setting": row["setting"] or "setting not stated",
                "params_active": sizes.get((row["record"], part, "params_active")),
                "params_total": sizes.get((row["record"], part, "params_total")),
            }
        )
    return out


def score_chart(rows: Sequence[dict[str, Any]], benchmark: str, against: str = "params_active") -> go.Figure:
    """Scores of one benchmark against size or year; the setting (shots) is the colour and the shape of a point.

    Args:
        rows: From `scores`.
        benchmark: One of `BENCHMARKS`.
        against: One of `AGAINST`.
    """
    points = [row for row in rows if row["benchmark"] == benchmark and row[against] is not None]
    found = places(
        [row[against] for row in points],
        [row["score"] for row in points],
        [row["label"] for row in points],
        log_x=MEASURES[against].log,
    )
    names = dict(zip(map(id, points), found, strict=True))
    figure = go.Figure()
    for number, setting in enumerate(sorted({row["setting"] for row in points})):
        members = [row for row in points if row["setting"] == setting]
        figure.add_scatter(
            x=[row[against] for row in members],
            y=[row["score"] for row in members],
            name=setting,
            mode="markers+text",
            text=[row["label"] for row in members],
            cliponaxis=False,
            textposition=[names[id(row)] for row in members],
            textfont={"size": 11},
            marker={"size": 11, "symbol": SYMBOLS[number % len(SYMBOLS)], "color": COLOURS[number]},
            customdata=[
                [
                    row["organisation"] or "",
                    row["released"] or "",
                    compact(row["params_active"]) or "not stated",
                    compact(row["params_total"]) or "not stated",
                    row["printed"] or row["score"],
                    f"{row['source']}, {row['locator'] or ''}",
                ]
                for row in members
            ],
            hovertemplate=(
                "<b>%{text}</b><br>%{customdata[0]}, %{customdata[1]}<br>"
                + label_of(benchmark)
                + ": %{customdata[4]}<br>active %{customdata[2]}, total %{customdata[3]}<br>"
                "<i>%{customdata[5]}</i><extra>" + setting + "</extra>"
            ),
        )
    figure.update_layout(
        height=520,
        margin={"l": 10, "r": 90, "t": 30, "b": 10},
        legend={"title": {"text": "Setting"}, "orientation": "h", "y": 1.02, "yanchor": "bottom"},
        showlegend=True,
        xaxis=axis(MEASURES[against], MEASURES[against].log, [row[against] for row in points]),
        yaxis={"title": {"text": f"{label_of(benchmark)} (score, percent)"}, "automargin": True},
    )
    return figure


def systems(kb: KnowledgeBase) -> list[dict[str, Any]]:
    """One row a system: who makes it, what it optimises, stars with their date, links, papers, parallelism.

    `optimises` maps `computation`, `communication` and `storage` to the claim's status (`reported` or `derived`); an
    aspect without a mark is absent.
    """
    rows: list[dict[str, Any]] = kb.rows(
        "SELECT r.record, r.key, r.name, s.organisation, s.repository, s.licence, s.summary "
        "FROM systems s JOIN records r ON r.record = 'system:' || s.key ORDER BY r.name COLLATE NOCASE"
    )
    by_record: dict[str, dict[str, Any]] = {}
    for row in rows:
        row |= {"optimises": {}, "notes": {}, "stars": None, "stars_printed": None, "stars_as_of": None, "places": []}
        by_record[row["record"]] = row
    for claim in kb.rows(
        "SELECT subject, field, value, number, printed, status, scope, note, source, locator FROM claims "
        "WHERE preferred AND (field LIKE 'optimises_%' OR field = 'stars')"
    ):
        found = by_record.get(claim["subject"])
        if found is None:
            continue
        if claim["field"] == "stars":
            found["stars"], found["stars_printed"] = claim["number"], claim["printed"]
            found["stars_as_of"] = (claim["scope"] or "").removeprefix("as of ") or None
        elif claim["value"] == "true":
            aspect = claim["field"].removeprefix("optimises_")
            found["optimises"][aspect] = claim["status"]
            if claim["note"]:
                found["notes"][aspect] = claim["note"]
        place = (claim["source"], claim["locator"])
        if place not in found["places"]:
            found["places"].append(place)
    for row in rows:
        record = kb.system(row["key"])
        row["papers"], row["parallelism"] = list(record.papers), list(record.parallelism)
    return rows


def mark(status: str | None) -> str:
    """What a cell of the table says: a mark, an inferred mark, or nothing printed."""
    if status is None:
        return "–"
    return "● printed" if status == "reported" else "◐ derived"


def optimises_chart(rows: Sequence[dict[str, Any]]) -> go.Figure:
    """Which system optimises what: a filled point where the mark is printed, a ring where it was inferred."""
    figure = go.Figure()
    names = [row["name"] for row in rows]
    for status, symbol, colour, label in (
        ("reported", "circle", BLUE, "marked in this column"),
        ("derived", "circle-open", ORANGE, "derived: the column is inferred"),
    ):
        found = [
            (aspect, row["name"]) for row in rows for aspect in OPTIMISES if row["optimises"].get(aspect) == status
        ]
        figure.add_scatter(
            x=[OPTIMISES[aspect] for aspect, _ in found],
            y=[name for _, name in found],
            mode="markers",
            name=label,
            marker={"symbol": symbol, "size": 16, "color": colour, "line": {"width": 2, "color": colour}},
            hovertemplate="<b>%{y}</b><br>%{x}: " + label + "<extra></extra>",
        )
    figure.update_layout(
        height=90 + 34 * max(len(names), 1),
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        xaxis={
            "categoryorder": "array",
            "categoryarray": list(OPTIMISES.values()),
            "side": "top",
            "range": [-0.5, len(OPTIMISES) - 0.5],
        },
        yaxis={
            "categoryorder": "array",
            "categoryarray": names[::-1],
            "automargin": True,
            "range": [-0.6, len(names) - 0.4],
        },
        legend={"orientation": "h", "y": -0.02, "yanchor": "top"},
    )
    return figure


def stars_chart(rows: Sequence[dict[str, Any]]) -> go.Figure:
    """Stars of each repository, largest at the top, on a logarithmic axis."""
    known = sorted((row for row in rows if row["stars"]), key=lambda row: row["stars"])
    dates = sorted({row["stars_as_of"] for row in known if row["stars_as_of"]})
    figure = go.Figure(
        go.Scatter(
            x=[row["stars"] for row in known],
            y=[row["name"] for row in known],
            mode="markers+text",
            text=[row["stars_printed"] for row in known],
            textposition="middle right",
            cliponaxis=False,
            marker={"size": 11, "color": BLUE},
            hovertemplate="<b>%{y}</b><br>%{text} stars<extra></extra>",
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [0] * len(known),
                "arrayminus": [row["stars"] - 50 for row in known],
                "width": 0,
                "thickness": 2,
                "color": BLUE,
            },
        )
    )
    when = f", as of {' and '.join(dates)}" if dates else ""
    figure.update_layout(
        height=90 + 34 * max(len(known), 1),
        margin={"l": 10, "r": 60, "t": 10, "b": 10},
        xaxis={
            "title": {"text": f"Stars on GitHub{when}"},
            "type": "log",
            "dtick": 1,
            "exponentformat": "none",
            "separatethousands": True,
            "range": [1.7, 5],
            "automargin": True,
        },
        yaxis={"automargin": True},
    )
    return figure
