"""Hyperparameters of models: rows for a table, and any field charted against any."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from moe_kb.fields import COLOUR_BY, MEASURES, NOT_REPORTED, Field
from moe_kb.figures.palette import COLOURS, GREY
from moe_kb.format import compact, escaped
from moe_kb.kb import KnowledgeBase


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that configurations have."""

    name: str
    label: str
    unit: str
    wide: bool = False
    """Whether its values span orders of magnitude, so that a logarithmic axis is the sensible one."""

    @property
    def log(self) -> bool:
        """Whether a logarithmic axis is the sensible one."""
        return self.wide

    @property
    def title(self) -> str:
        """Axis title with the unit, as far as the label does not say it already."""
        first, _, rest = self.unit.partition(" ")
        unit = rest if first and first in self.label.lower() else self.unit
        return f"{self.label} ({unit})" if unit else self.label


SHOWN_GROUPS = 6
OTHERS = "other"
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star", "x")


def configurations(kb: KnowledgeBase) -> list[dict[str, Any]]:
    """One row a configuration: the view `hyperparameters`, what describes it, and the place of each value.

    Organisations are called by their usual spelling. Beside the view's columns: `record`, `label` (name and size),
    `year`, `active_share` (percent), `described_by` (`released config` or `tables and papers`), `places` (field to
    where its value was read) and `disputed` (fields whose sources disagree, to whether a note settles it).
    """
    released = {
        (row["record"], row["label"]): bool(row["released_config"])
        for row in kb.rows("SELECT record, label, released_config FROM configurations")
    }
    places: dict[tuple[str, str], dict[str, str]] = {}
    words: dict[tuple[str, str], dict[str, str]] = {}
    for row in kb.rows(
        "SELECT c.subject, c.configuration, c.field, c.value, c.printed, c.status, s.name AS source, "
        "c.locator FROM claims c LEFT JOIN sources s ON s.key = c.source "
        "WHERE c.preferred AND c.configuration IS NOT NULL AND c.subject LIKE 'model:%'"
    ):
        where = (row["subject"], row["configuration"])
        source = ", ".join(filter(None, (row["source"], row["locator"])))
        places.setdefault(where, {})[row["field"]] = source + (" (derived)" if row["status"] == "derived" else "")
        words.setdefault(where, {})[row["field"]] = row["value"]
    disputed: dict[tuple[str, str], dict[str, bool]] = {}
    for row in kb.rows(
        "SELECT subject, configuration, field, resolved FROM disagreements WHERE configuration IS NOT NULL"
    ):
        fields = disputed.setdefault((row["subject"], row["configuration"]), {})
        fields[row["field"]] = fields.get(row["field"], True) and bool(row["resolved"])
    out = []
    for row in kb.rows("SELECT * FROM hyperparameters ORDER BY name COLLATE NOCASE, params_total, configuration"):
        where = (f"model:{row['model']}", row["configuration"])
        own = words.get(where, {})
        for field in ("organisation", "released", "openness"):
            row[field] = row[field] or own.get(field)
        whole = released.get(where, False)
        total, active = row["params_total"], row["params_active"]
        out.append(
            {
                **row,
                "record": where[0],
                "label": f"{row['name']} {row['configuration']}",
                "year": int(row["released"][:4]) if (row["released"] or "")[:4].isdigit() else None,
                "active_share": 100 * active / total if active and total else None,
                "described_by": "released config" if whole else "tables and papers",
                "released_config": whole,
                "places": places.get(where, {}),
                "disputed": disputed.get(where, {}),
            }
        )
    usual = spellings(row["organisation"] for row in out if row["organisation"])
    for row in out:
        row["organisation"] = usual.get(row["organisation"])
    return out


def spellings(names: Iterable[str]) -> dict[str, str]:
    """Each name to the most frequent spelling of it, so that one organisation has one filter and one colour.

    >>> spellings(["DeepSeek", "DeepSeek", "DeepSeek-AI", "xAI"])
    {'DeepSeek': 'DeepSeek', 'DeepSeek-AI': 'DeepSeek', 'xAI': 'xAI'}
    """
    counts = Counter(names)

    def bare(name: str) -> str:
        return re.sub(r"\(.*\)|[\W_]", "", name.lower()).removesuffix("ai")

    best: dict[str, str] = {}
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        best.setdefault(bare(name), name)
    return {name: best[bare(name)] for name in counts}


def chosen(
    rows: Iterable[dict[str, Any]],
    *,
    text: str = "",
    openness: Sequence[str] = (),
    organisations: Sequence[str] = (),
    years: tuple[int, int] | None = None,
    released_config: bool = False,
) -> list[dict[str, Any]]:
    """The rows that pass every filter; an empty filter lets everything pass."""
    words = text.casefold().split()

    def passes(row: dict[str, Any]) -> bool:
        hay = " ".join(str(row.get(f) or "") for f in ("label", "model", "organisation", "router", "activation"))
        return (
            all(word in hay.casefold() for word in words)
            and (not openness or (row["openness"] or NOT_REPORTED) in openness)
            and (not organisations or row["organisation"] in organisations)
            and (years is None or (row["year"] is not None and years[0] <= row["year"] <= years[1]))
            and (not released_config or row["released_config"])
        )

    return [row for row in rows if passes(row)]


def scatter(
    rows: Sequence[dict[str, Any]],
    x: str,
    y: str,
    *,
    log_x: bool = False,
    log_y: bool = False,
    colour: str | None = None,
    size: str | None = None,
) -> go.Figure:
    """Any measure against any other, a point a configuration; rows without both are left out.

    Args:
        rows: From `configurations`.
        x: Name of a measure.
        y: Name of a measure.
        log_x: Whether the axis is logarithmic (zero and below are left out then).
        log_y: The same for the other axis.
        colour: One of `COLOUR_BY`, or None.
        size: Name of a measure that gives the area of the points, or None.
    """
    points = plottable(rows, x, y, log_x=log_x, log_y=log_y)
    groups = grouped(points, colour)
    largest = max((row[size] or 0 for row in points), default=0) if size else 0
    figure = go.Figure()
    for number, (name, members) in enumerate(groups.items()):
        figure.add_scatter(
            x=[row[x] for row in members],
            y=[row[y] for row in members],
            name=name,
            mode="markers",
            marker={
                "size": [_diameter(row[size], largest) for row in members] if size else 10,
                "symbol": SYMBOLS[number % len(SYMBOLS)],
                "opacity": 0.7 if size else 0.9,
                "color": GREY if name == NOT_REPORTED else COLOURS[number % len(COLOURS)],
                "line": {"width": 0.5, "color": "rgba(128,128,128,0.9)"},
            },
            text=[_hover(row, x, y, colour, size) for row in members],
            customdata=[row["record"] for row in members],
            hovertemplate="%{text}<extra></extra>",
        )
    figure.update_layout(
        height=560,
        margin={"l": 10, "r": 10, "t": 30, "b": 10},
        showlegend=len(groups) > 1,
        legend={"title": {"text": COLOUR_BY.get(colour or "", "")}, "orientation": "h", "y": 1.02, "yanchor": "bottom"},
        xaxis=axis(MEASURES[x], log_x, [row[x] for row in points]),
        yaxis=axis(MEASURES[y], log_y, [row[y] for row in points]),
    )
    return figure


def axis(measure: Measure | Field, log: bool, values: Iterable[float] = ()) -> dict[str, Any]:
    """A plotly axis for a measure: title with unit, billions as B, years without a comma.

    Args:
        measure: What the axis shows.
        log: Whether it is logarithmic.
        values: What stands on it, to choose the ticks of a logarithmic axis.
    """
    settings: dict[str, Any] = {"title": {"text": measure.title}, "automargin": True, "showgrid": True}
    if log:
        ticks = _log_ticks([value for value in values if value > 0])
        return settings | {"type": "log", "tickvals": ticks, "ticktext": [compact(tick) for tick in ticks]}
    if measure.name == "year":
        return settings | {"tickformat": "d", "dtick": 1}
    return settings | {"exponentformat": "B"} | ({} if measure.log else {"rangemode": "tozero"})


def _log_ticks(values: Sequence[float]) -> list[float]:
    """Powers of ten over the values, with 2 and 5 between them where there is room."""
    if not values:
        return []
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    steps = (1, 2, 5) if math.log10(max(values) / min(values)) <= 2.5 else (1,)
    return [step * 10.0**power for power in range(low - 1, high + 2) for step in steps]


def plottable(
    rows: Sequence[dict[str, Any]], x: str, y: str, *, log_x: bool = False, log_y: bool = False
) -> list[dict[str, Any]]:
    """The rows that can stand in a chart of two measures."""
    return [
        row
        for row in rows
        if row[x] is not None and row[y] is not None and not (log_x and row[x] <= 0) and not (log_y and row[y] <= 0)
    ]


def grouped(rows: Sequence[dict[str, Any]], colour: str | None) -> dict[str, list[dict[str, Any]]]:
    """Rows by group: the most frequent ones (the latest, of years), then the others, then what nobody states."""
    if colour is None:
        return {"configurations": list(rows)} if rows else {}
    names = [str(row[colour]) if row[colour] is not None else NOT_REPORTED for row in rows]
    counted = Counter(name for name in names if name != NOT_REPORTED)
    if colour == "year":
        kept = sorted(sorted(counted)[-SHOWN_GROUPS:])
        others = f"before {kept[0]}" if kept else OTHERS
        order = [others, *kept, NOT_REPORTED]
    else:
        kept = [name for name, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:SHOWN_GROUPS]]
        others = OTHERS
        order = [*kept, others, NOT_REPORTED]
    groups: dict[str, list[dict[str, Any]]] = {name: [] for name in order}
    for name, row in zip(names, rows, strict=True):
        groups[name if name in groups else others].append(row)
    return {name: members for name, members in groups.items() if members}


def _diameter(value: float | None, largest: float) -> float:
    """Area in proportion to the value; a small ring where there is none."""
    return 5 + 30 * (max(value, 0) / largest) ** 0.5 if value and largest > 0 else 5


def _hover(row: dict[str, Any], x: str, y: str, colour: str | None, size: str | None) -> str:
    lines = [f"<b>{escaped(row['label'])}</b>"]
    lines.append(escaped(", ".join(filter(None, (row["organisation"], row["released"])))))
    for name in dict.fromkeys(filter(None, (x, y, size))):
        if row[name] is None:
            continue
        place = row["places"].get(name) or {"active_share": "computed from the two counts"}.get(name)
        unit = MEASURES[name].unit
        number = f"{row[name]:d}" if name == "year" else compact(row[name])
        lines.append(f"{MEASURES[name].label}: {number} {unit}" + (" ≠" if name in row["disputed"] else ""))
        if place:
            lines.append(f"<i>{escaped(place)}</i>")
    if colour and colour not in ("year", "organisation") and row[colour]:
        lines.append(f"{COLOUR_BY[colour]}: {escaped(row[colour])}")
    return "<br>".join(line for line in lines if line)
