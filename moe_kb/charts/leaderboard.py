"""Charts of a comparison of implementations: scores with their spread, learning curves, loads of the experts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import plotly.graph_objects as go

from moe_kb.analysis.leaderboard import BASELINE, DENSE, GROUPS, Group, Leaderboard
from moe_kb.analysis.run_metrics import is_share, metric_label
from moe_kb.charts.lab import line, load_chart
from moe_kb.charts.palette import BLUE, GREY, ORANGE, PINK, quiet
from moe_kb.charts.safe import safe
from moe_kb.lab import Loads

_COLOURS: dict[Group, str] = {"ranked": BLUE, "unmatched": ORANGE, "not-causal": PINK, "control": GREY}
_SYMBOLS: dict[Group, str] = {"unmatched": "diamond", "not-causal": "x", "control": "square"}


@safe
def score_chart(board: Leaderboard) -> go.Figure:
    """Every design's mean with its spread over seeds, best first, and where a dense layer of its size stands."""
    shown = [standing for standing in board.standings if standing.mean is not None]
    factor = 100.0 if is_share(board.protocol.headline) else 1.0
    figure = go.Figure()
    if baselines := [standing for standing in shown if BASELINE in standing.metrics]:
        figure.add_scatter(
            x=[standing.metrics[BASELINE] * factor for standing in baselines],
            y=[standing.name for standing in baselines],
            mode="markers",
            name="dense baseline",
            marker={"color": GREY, "size": 7, "symbol": "line-ns-open", "line": {"width": 2}},
            hovertemplate="dense baseline of %{y}: %{x:.4g}<extra></extra>",
        )
    for group, title in GROUPS.items():
        members = [standing for standing in shown if standing.group == group]
        if members:
            errors = [(standing.error or 0) * factor for standing in members]
            figure.add_scatter(
                x=[(standing.mean or 0) * factor for standing in members],
                y=[standing.name for standing in members],
                error_x={"type": "data", "array": errors, "thickness": 1.5, "width": 3},
                mode="markers",
                name=title.partition(":")[0],
                marker={"color": _COLOURS.get(group, GREY), "size": 8, "symbol": _SYMBOLS.get(group, "circle")},
                hovertemplate="%{y}: %{x:.4g}<extra></extra>",
            )
    dense = next((standing.mean for standing in shown if standing.implementation == DENSE), None)
    if dense is not None:
        figure.add_vline(x=dense * factor, line={"color": GREY, "width": 1, "dash": "dash"})
    quiet(figure, max(220, 19 * len(shown) + 100), top=40)
    figure.update_yaxes(
        range=[len(shown) - 0.3, -0.7],
        categoryorder="array",
        categoryarray=[standing.name for standing in shown],
        title=None,
        automargin=True,
        showgrid=True,
    )
    figure.update_xaxes(title=metric_label(board.protocol.headline, short=True), showgrid=True, zeroline=False)
    return figure


@safe
def curve_chart(board: Leaderboard, implementations: Collection[str]) -> go.Figure:
    """Learning curves of some implementations: the headline metric, mean over seeds, a line a design."""
    headline = board.protocol.headline
    factor = 100.0 if is_share(headline) else 1.0
    figure = go.Figure()
    drawn = [row for row in board.standings if row.implementation in implementations and row.curve]
    for number, standing in enumerate(drawn):
        figure.add_scatter(
            x=[step for step, _ in standing.curve],
            y=[value * factor for _, value in standing.curve],
            name=standing.name,
            mode="lines+markers",
            marker={"size": 6},
            line=line(number),
            hovertemplate="step %{x}: %{y:.4g}<extra>" + standing.name + "</extra>",
        )
    quiet(figure, 400, top=60)
    figure.update_xaxes(title="Optimiser step", rangemode="tozero")
    figure.update_yaxes(title=metric_label(headline, short=True))
    return figure


@safe
def loads_chart(loads: Mapping[str, Sequence[float]]) -> go.Figure:
    """How the assignments of each layer fell on its experts, as multiples of an even share."""
    return load_chart({layer: Loads(0, "valid", tuple(shares)) for layer, shares in loads.items()})
