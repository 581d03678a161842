"""Charts of runs: curves as they grow, load per expert, and one metric over several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from moe_kb.figures.palette import COLOURS
from moe_kb.lab import Curve, FormField, Loads, Run, RunCurves, flat_settings

#: Name and unit of what runs report. A metric that is not here is shown under its own name; what it means stands on
#: the implementation's page.
METRICS = {
    "loss": "Loss (nats)",
    "cross_entropy": "Cross-entropy (nats)",
    "bits_per_byte": "Bits per byte",
    "accuracy": "Accuracy (percent)",
    "squared_error": "Squared error",
    "accuracy_dense": "Accuracy of the dense twin (percent)",
    "information": "Specialisation: mutual information of expert and domain (percent of the most possible)",
    "dropped_fraction": "Dropped assignments (percent)",
    "tokens_per_second": "Tokens per second",
    "load_cv": "Spread of load (coefficient of variation)",
    "max_violation": "Largest load over the mean, minus 1",
    "router_entropy": "Router entropy (nats)",
    "experts_per_token": "Experts per token",
    "aux_load_balance": "Balancing loss, unweighted",
    "aux_router_z": "Router z-loss, unweighted",
}
#: For legends and headings of columns, where the full name has no room.
_SHORT = {"information": "Specialisation (percent)"}
#: What the page of a run shows, in order; the rest is behind a choice.
MAIN = ("bits_per_byte", "accuracy", "squared_error", "loss", "dropped_fraction", "tokens_per_second")
#: The number that a run is told by; a run has one of them.
HEADLINES = ("bits_per_byte", "accuracy", "squared_error")
_PERCENT = frozenset({"accuracy", "accuracy_dense", "information", "dropped_fraction"})
_DASHES = ("solid", "dash", "dot", "dashdot")


def setting_label(field: FormField) -> str:
    """What an input is called: `n_layers` is Layers, `d_model` Model width; the unit where the name lacks it."""
    label = field.label
    if label[:2] in ("N ", "D "):
        label = label[2:].capitalize() + (" width" if label[0] == "D" else "")
    label = label.replace("Moe ", "MoE ")
    return f"{label} ({field.unit})" if field.unit and field.unit not in label.lower() else label


def metric_label(name: str, *, short: bool = False) -> str:
    """What a metric is called, with its unit; `short` where there is little room."""
    if short and name in _SHORT:
        return _SHORT[name]
    if name in METRICS:
        return METRICS[name]
    if name.startswith("aux_"):
        return f"{name[4:].replace('_', ' ').capitalize()} loss, unweighted"
    words = name.replace("_", " ").capitalize()
    return words


def is_share(name: str) -> bool:
    """Whether a metric is a fraction, which is shown in percent."""
    return name in _PERCENT


def headline_of(curves: RunCurves) -> str | None:
    """The metric that a run is told by; None while it has told nothing, since that depends on its task."""
    return next((name for name in HEADLINES if name in curves.train or name in curves.valid), None)


def metric_text(name: str, value: float | None) -> str:
    """A value of a metric as it is shown."""
    if value is None:
        return "–"
    return f"{100 * value:.1f}%" if name in _PERCENT else f"{value:.3f}"


def metrics_of(curves: RunCurves) -> list[str]:
    """The metrics a run has reported: known ones in their order, then others."""
    found = set(curves.train) | set(curves.valid)
    return [name for name in METRICS if name in found] + sorted(found - set(METRICS))


def curve_chart(curves: RunCurves, metric: str, *, steps: int | None = None) -> go.Figure:
    """A metric over the steps: a line for training, points joined for validation.

    Args:
        curves: What the run has told.
        metric: Name of a metric.
        steps: The run's length, so that the axis does not move while it grows.
    """
    figure = go.Figure()
    for split, curve, mode in (
        ("train", curves.train.get(metric), "lines"),
        ("valid", curves.valid.get(metric), "lines+markers"),
    ):
        if curve is not None:
            figure.add_scatter(
                x=list(curve.steps),
                y=_values(metric, curve),
                name=split,
                mode=mode,
                line={"color": COLOURS[0] if split == "train" else COLOURS[1], "width": 2},
                marker={"size": 7, "symbol": "diamond"},
                hovertemplate="step %{x}: %{y:.4g}<extra>" + split + "</extra>",
            )
    return _frame(figure, metric, steps)


def comparison_chart(curves: Mapping[str, RunCurves], metric: str, split: str = "valid") -> go.Figure:
    """One metric of several runs, a line a run; colours repeat with another dash.

    Args:
        curves: Label of each run to what it told.
        metric: Name of a metric.
        split: `train` or `valid`.
    """
    figure = go.Figure()
    for number, (label, told) in enumerate(curves.items()):
        curve = (told.valid if split == "valid" else told.train).get(metric)
        if curve is not None:
            figure.add_scatter(
                x=list(curve.steps),
                y=_values(metric, curve),
                name=label,
                mode="lines+markers" if split == "valid" else "lines",
                marker={"size": 6},
                line={
                    "color": COLOURS[number % len(COLOURS)],
                    "width": 2,
                    "dash": _DASHES[number // len(COLOURS) % len(_DASHES)],
                },
                hovertemplate="step %{x}: %{y:.4g}<extra>" + label + "</extra>",
            )
    return _frame(figure, metric, None, height=420)


def load_chart(loads: Mapping[str, Loads]) -> go.Figure:
    """How the assignments of each layer fell on its experts, as multiples of an even share (1 is even)."""
    layers = list(loads)
    widest = max((len(loads[layer].experts) for layer in layers), default=0)
    rows = [[*_relative(loads[layer]), *[None] * (widest - len(loads[layer].experts))] for layer in layers]
    figure = go.Figure(
        _heat(
            rows,
            x=[str(expert) for expert in range(widest)],
            y=layers,
            texttemplate="%{z:.2f}" if widest <= 16 else None,
            showscale=widest > 16,
            textfont={"color": "#1c2430"},
            hovertemplate="%{y}, expert %{x}<br>%{z:.3f} of an even share<extra></extra>",
        )
    )
    figure.update_layout(
        height=120 + 34 * max(len(layers), 1),
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        xaxis={"title": {"text": "Expert"}, "type": "category", "automargin": True, "nticks": 33, "showgrid": False},
        yaxis={"automargin": True, "type": "category", "autorange": "reversed", "showgrid": False},
    )
    return figure


def load_history_chart(history: Sequence[Loads]) -> go.Figure:
    """How a layer's load moved between its experts while training: a column a report, a row an expert."""
    widest = max((len(told.experts) for told in history), default=0)
    columns = [[*_relative(told), *[None] * (widest - len(told.experts))] for told in history]
    figure = go.Figure(
        _heat(
            [[column[expert] for column in columns] for expert in range(widest)],
            x=[told.step for told in history],
            y=[str(expert) for expert in range(widest)],
            gap=0,
            hovertemplate="step %{x}, expert %{y}<br>%{z:.3f} of an even share<extra></extra>",
        )
    )
    figure.update_layout(
        height=min(130 + 22 * max(widest, 1), 560),
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        xaxis={"title": {"text": "Step"}, "automargin": True, "showgrid": False},
        yaxis={
            "title": {"text": "Expert"}, "type": "category", "automargin": True, "autorange": "reversed", "nticks": 17,
            "showgrid": False,
        },
    )  # fmt: skip
    return figure


def _relative(loads: Loads) -> list[float | None]:
    """Each expert's load as a multiple of an even share, whatever the loads add up to."""
    total = sum(loads.experts)
    return [share * len(loads.experts) / total if total else None for share in loads.experts]


def _heat(rows: list[list[float | None]], *, gap: int = 2, **given: Any) -> go.Heatmap:
    """Blue below an even share, orange above: told apart by colour-blind people, and dark text is read on all of it."""
    top = max(2.0, max((value for row in rows for value in row if value is not None), default=1.0))
    return go.Heatmap(
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


def run_label(run: Run) -> str:
    """A run in a few words: its implementation and when it was launched (the end of its id tells two apart)."""
    return f"{run.implementation} · {run.id}"


def differing_settings(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """The settings in which runs differ, one row a setting; runs of one kind that agree have none."""
    settings = {run.id: flat_settings(run.config) for run in runs}
    names = list(dict.fromkeys(name for values in settings.values() for name in values))
    rows = []
    for name in names:
        found = [values.get(name) for values in settings.values()]
        if any(value != found[0] for value in found):
            rows.append(
                {"setting": name.replace("_", " ")}
                | {id_: "" if values.get(name) is None else str(values[name]) for id_, values in settings.items()}
            )
    return rows


def _values(metric: str, curve: Curve) -> list[float | None]:
    factor = 100.0 if metric in _PERCENT else 1.0
    return [None if value is None else value * factor for value in curve.values]


def _frame(figure: go.Figure, metric: str, steps: int | None, *, height: int = 300) -> go.Figure:
    figure.update_layout(
        height=height,
        showlegend=True,
        margin={"l": 10, "r": 10, "t": 30, "b": 10},
        hovermode="x unified",
        xaxis={"title": {"text": "Step"}, "automargin": True, "rangemode": "tozero"}
        | ({"range": [0, steps * 1.02]} if steps else {}),
        yaxis={"title": {"text": metric_label(metric, short=True)}, "automargin": True}
        | ({"rangemode": "nonnegative"} if metric in _PERCENT else {}),
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        # Keep a zoom while the run goes on.
        uirevision=metric,
    )
    return figure
