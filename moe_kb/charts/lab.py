"""Charts of runs: curves as they grow, load per expert, and one metric over several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from moe_kb.analysis.run_metrics import is_share, metric_label
from moe_kb.charts.palette import COLOURS, GREY, quiet
from moe_kb.charts.safe import safe
from moe_kb.lab import Curve, Loads, RunCurves

_DASHES = ("solid", "dash", "dot", "dashdot")


Points = Sequence[tuple[int, float]]
"""Step and value."""
#: Lines to hold a run against.
_QUIET = [{"color": GREY, "dash": dash, "width": 1.6} for dash in ("dash", "dot", "longdashdot")]


@safe
def curve_chart(
    curves: RunCurves,
    metric: str,
    *,
    steps: int | None = None,
    levels: Mapping[str, float] | None = None,
    beside: Mapping[str, Points] | None = None,
) -> go.Figure:
    """A metric over the steps: a faint line for training, points joined for validation.

    Args:
        curves: What the run has reported.
        metric: Name of a metric.
        steps: The run's length, so that the axis does not move while it grows.
        levels: Values to hold the curve against, by name.
        beside: The same metric of other runs, by name.
    """
    figure = go.Figure()
    _draw_both(figure, metric, curves, "this run", {"color": COLOURS[0]})
    end = steps or max(
        (curve.steps[-1] for split in (curves.train, curves.valid) for curve in split.values()), default=1
    )
    _draw_beside(figure, metric, {name: [(0, level), (end, level)] for name, level in (levels or {}).items()}, 0)
    _draw_beside(figure, metric, beside or {}, len(levels or {}))
    return _frame(figure, metric, steps)


@safe
def comparison_chart(
    curves: Mapping[str, RunCurves], metric: str, *, beside: Mapping[str, Points] | None = None
) -> go.Figure:
    """One metric of several runs, a colour a run; colours repeat with another dash.

    Args:
        curves: Label of each run to what it reported.
        metric: Name of a metric.
        beside: The same metric of runs that were made before, by name.
    """
    figure = go.Figure()
    for number, (label, run) in enumerate(curves.items()):
        _draw_both(figure, metric, run, label, line(number))
    _draw_beside(figure, metric, beside or {}, 0)
    return _frame(figure, metric, None, height=420)


def _draw_both(figure: go.Figure, metric: str, run: RunCurves, name: str, look: dict[str, Any]) -> None:
    """Training faint, validation strong, in one colour; a click on the legend hides both."""
    both = {"legendgroup": name}
    alone = metric not in run.valid
    faint = look | {"width": 1.5 if alone else 1.2}
    _draw(
        figure, metric, run.train, name=f"{name}, training", mode="lines", line=faint, opacity=0.9 if alone else 0.4,
        showlegend=alone, **both,
    )  # fmt: skip
    marker = {"size": 7, "symbol": "diamond"}
    _draw(figure, metric, run.valid, name=name, mode="lines+markers", line=look | {"width": 2.4}, marker=marker, **both)


def _draw_beside(figure: go.Figure, metric: str, beside: Mapping[str, Points], first: int) -> None:
    """Lines to hold runs against, in grey."""
    factor = 100.0 if is_share(metric) else 1.0
    for number, (name, points) in enumerate(beside.items(), first):
        figure.add_scatter(
            x=[step for step, _ in points],
            y=[value * factor for _, value in points],
            name=name,
            mode="lines",
            line=_QUIET[number % len(_QUIET)],
            hovertemplate="step %{x}: %{y:.4g}<extra>" + name + "</extra>",
        )


def line(number: int) -> dict[str, Any]:
    """Colour and dash of a line by its number; a second round through the colours has another dash."""
    dash = _DASHES[number // len(COLOURS) % len(_DASHES)]
    return {"color": COLOURS[number % len(COLOURS)], "dash": dash}


@safe
def load_chart(loads: Mapping[str, Loads]) -> go.Figure:
    """How the assignments of each layer fell on its experts, as multiples of an even share (1 is even)."""
    rows = _relative(list(loads.values()))
    widest = max(map(len, rows), default=0)
    return _heat(
        rows,
        x=[str(expert) for expert in range(widest)],
        y=list(loads),
        height=120 + 34 * max(len(loads), 1),
        xaxis={"title": {"text": "Expert"}, "type": "category", "nticks": 33},
        texttemplate="%{z:.2f}" if widest <= 16 else None,
        showscale=widest > 16,
        textfont={"color": "#1c2430"},
        hovertemplate="%{y}, expert %{x}<br>%{z:.3f} of an even share<extra></extra>",
    )


@safe
def load_history_chart(history: Sequence[Loads]) -> go.Figure:
    """How a layer's load moved between its experts while training: a column a report, a row an expert."""
    rows = [list(row) for row in zip(*_relative(history), strict=True)]
    return _heat(
        rows,
        x=[report.step for report in history],
        y=[str(expert) for expert in range(len(rows))],
        height=min(130 + 22 * max(len(rows), 1), 560),
        xaxis={"title": {"text": "Step"}},
        yaxis={"title": {"text": "Expert"}, "nticks": 17},
        gap=0,
        hovertemplate="step %{x}, expert %{y}<br>%{z:.3f} of an even share<extra></extra>",
    )


def _draw(figure: go.Figure, metric: str, of_split: Mapping[str, Curve], *, name: str, **look: Any) -> None:
    """A line of what one split reported of a metric, if anything; gaps stay gaps."""
    if (curve := of_split.get(metric)) is not None:
        factor = 100.0 if is_share(metric) else 1.0
        values = [None if value is None else value * factor for value in curve.values]
        hover = "step %{x}: %{y:.4g}<extra>" + name + "</extra>"
        figure.add_scatter(x=list(curve.steps), y=values, name=name, hovertemplate=hover, **look)


def _relative(reports: Sequence[Loads]) -> list[list[float | None]]:
    """Loads as multiples of an even share, whatever they add up to; equally long rows."""
    widest = max((len(report.experts) for report in reports), default=0)
    rows: list[list[float | None]] = []
    for report in reports:
        total, experts = sum(report.experts), len(report.experts)
        shares = [share * experts / total if total else None for share in report.experts]
        rows.append([*shares, *[None] * (widest - experts)])
    return rows


def _heat(
    rows: list[list[float | None]],
    *,
    height: int,
    xaxis: dict[str, Any],
    yaxis: dict[str, Any] | None = None,
    gap: int = 2,
    **given: Any,
) -> go.Figure:
    """Blue below an even share, orange above: told apart by colour-blind people, and dark text is read on all of it."""
    top = max(2.0, max((value for row in rows for value in row if value is not None), default=1.0))
    heat = go.Heatmap(
        z=rows,
        zmin=0,
        zmax=top,
        colorscale=[[0, "#7fb4dc"], [1 / top, "#f3f2ee"], [1, "#ec9f66"]],
        xgap=gap,
        ygap=gap,
        hoverongaps=False,
        colorbar={"title": {"text": "× even", "side": "right"}, "thickness": 12},
        **given,
    )
    common = {"automargin": True, "showgrid": False}
    experts = {"type": "category", "autorange": "reversed"}
    return quiet(go.Figure(heat), height).update_layout(xaxis=common | xaxis, yaxis=common | experts | (yaxis or {}))


def _frame(figure: go.Figure, metric: str, steps: int | None, *, height: int = 300) -> go.Figure:
    return quiet(figure, height, top=30).update_layout(
        showlegend=True,
        hovermode="x unified",
        xaxis={"title": {"text": "Step"}, "automargin": True, "rangemode": "tozero"}
        | ({"range": [0, steps * 1.02]} if steps else {}),
        yaxis={"title": {"text": metric_label(metric, short=True)}, "automargin": True}
        | ({"rangemode": "nonnegative"} if is_share(metric) else {}),
        # Keep a zoom while the run goes on.
        uirevision=metric,
    )
