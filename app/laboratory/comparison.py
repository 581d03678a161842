"""Runs beside each other: whether they can be compared, their curves and scores, and all of it to take along."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import streamlit as st
import ui

from moe_kb.analysis import run_metrics
from moe_kb.analysis.run_budget import budgets_differ, like_with_like
from moe_kb.charts import lab as lab_charts
from moe_kb.lab import Lab, Run, RunCurves, flat_settings

from .reference import committed_beside
from .shared import SHOWN, duration, names_of

MOST = 12
"""Runs that are compared at once."""


def comparison(lab: Lab, runs: Sequence[Run], labels: Mapping[str, str]) -> None:
    """Everything about runs that were chosen to be compared; it changes while they go on."""
    kb = ui.knowledge_base()
    curves = {labels[run.id]: lab.curves(run.id) for run in runs}
    fairness(runs, labels)
    if waiting := list(without_validation(runs, curves, labels)):
        st.caption("No validation yet: " + ui.plain("; ".join(waiting)) + ".")
    metrics = list(dict.fromkeys(name for curve in curves.values() for name in run_metrics.metrics_of(curve)))
    if metrics:
        usual = next((name for name in run_metrics.HEADLINES if name in metrics), metrics[0])
        metric = ui.select("Metric", "metric", metrics, usual, names=run_metrics.metric_label, width=330)
        held = committed_beside(kb, lab, runs)
        beside = held.dense if held and metric == held.board.protocol.headline else {}
        ui.chart(
            lab_charts.comparison_chart(curves, metric, beside=beside),
            key="comparison",
            alt=f"{run_metrics.metric_label(metric)} of {len(runs)} runs",
        )
        grey = " Grey: the dense control of the Evidence page, made with these settings." if beside else ""
        st.caption(f"Faint: training. Strong: validation.{grey}")
        ui.value_table(
            [score(run, curves[labels[run.id]], labels[run.id]) for run in runs],
            {
                "run": "Run",
                "status": "Status",
                **{
                    name: ui.Column(run_metrics.metric_label(name, short=True), "number", digits=".4f")
                    for name in run_metrics.HEADLINES
                },
                "active": ui.Column("Active", "number", help="Parameters that a token uses, with embeddings"),
                "total": ui.Column("Total", "number", help="All parameters"),
                "took": "Took",
            },
            key="scores",
            alt="Last validation and size of the runs",
        )
    differing = run_metrics.differing_settings({labels[run.id]: run.config for run in runs})
    if differing:
        st.markdown("**Settings that differ**")
        settings_table(differing, key="differing")
    elif len(runs) > 1:
        st.caption("These runs have the same settings.")
    with st.container(horizontal=True):
        ui.csv_button(
            lambda: ui.rows_csv(list(points(runs, curves, labels))), "runs", label="CSV of the curves", key="runs-csv"
        )
        st.download_button(
            "JSON with settings",
            lambda: as_json(lab, runs, curves, labels),
            file_name="runs.json",
            mime="application/json",
            icon=":material/data_object:",
            on_click="ignore",
            key="runs-json",
        )


def settings_table(differing: Sequence[Mapping[str, str]], *, key: str) -> None:
    """Settings in which runs, whose names head the columns, differ."""
    columns = {name: name or "Setting" for name in differing[0]}
    ui.value_table(differing, columns, key=key, alt="Settings that differ")


def fairness(runs: Sequence[Run], labels: Mapping[str, str]) -> None:
    """Whether the runs are of one budget and size."""
    if len(runs) < 2:
        return
    verdict({labels[run.id]: run.estimate.params_active for run in runs}, [run.config for run in runs])


def verdict(active: Mapping[str, int], configs: Sequence[Mapping[str, Any]]) -> None:
    """A line that says whether configurations can be compared: active parameters, by name, and budgets."""
    equal, sentence = like_with_like(active)
    differing = budgets_differ(configs)
    shown = {name: ["–" if value is None else str(value) for value in values] for name, values in differing.items()}
    budget = "; ".join(f"{run_metrics.setting_name(name).lower()} {' and '.join(of)}" for name, of in shown.items())
    told = ui.plain(sentence + (f" Not one budget: {budget}." if budget else " One budget."))
    if equal and not differing:
        st.success(told, icon=":material/balance:")
    else:
        st.warning(told, icon=":material/balance:")


def without_validation(
    runs: Sequence[Run], curves: Mapping[str, RunCurves], labels: Mapping[str, str]
) -> Iterator[str]:
    """The runs that have no point of validation, with how far they are or came."""
    for run in runs:
        curve = curves[labels[run.id]]
        if curve.valid:
            continue
        status = SHOWN.get(run.status, run.status)
        at = f" at step {curve.progress.step:,} of {curve.progress.steps:,}" if curve.progress else ""
        yield f"{labels[run.id]} ({status}{at})"


def score(run: Run, curves: RunCurves, label: str) -> dict[str, Any]:
    """A row: the last validation and the size of a run."""

    def last(name: str) -> float | None:
        valid = curves.valid.get(name)
        value = valid.values[-1] if valid and valid.values else None
        return 100 * value if value is not None and run_metrics.is_share(name) else value

    return {
        "run": label,
        "status": SHOWN.get(run.status, run.status),
        **{name: last(name) for name in run_metrics.HEADLINES},
        "active": run.estimate.params_active,
        "total": run.estimate.params_total,
        "took": duration(run.seconds),
    }


def points(runs: Sequence[Run], curves: Mapping[str, RunCurves], labels: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Every point of every curve, a row each."""
    for run in runs:
        reported = curves[labels[run.id]]
        for split, of_split in (("train", reported.train), ("valid", reported.valid)):
            for metric, curve in of_split.items():
                for step, value in zip(curve.steps, curve.values, strict=True):
                    yield {
                        "id": run.id,
                        "run": labels[run.id],
                        "implementation": run.implementation,
                        "seed": flat_settings(run.config).get("seed"),
                        "split": split,
                        "metric": metric,
                        "step": step,
                        "value": value,
                    }


def as_json(lab: Lab, runs: Sequence[Run], curves: Mapping[str, RunCurves], labels: Mapping[str, str]) -> str:
    """Runs with their settings, sizes and curves."""
    names = names_of(lab)
    told = [
        {
            "id": run.id,
            "name": labels[run.id],
            "implementation": run.implementation,
            "design": names.get(lab.current_key(run.implementation)),
            "status": run.status,
            "created": run.created,
            "seconds": run.seconds,
            "params_total": run.estimate.params_total,
            "params_active": run.estimate.params_active,
            "config": run.config,
            "curves": {
                split: {name: {"steps": curve.steps, "values": curve.values} for name, curve in of_split.items()}
                for split, of_split in (
                    ("train", curves[labels[run.id]].train),
                    ("valid", curves[labels[run.id]].valid),
                )
            },
        }
        for run in runs
    ]
    return json.dumps(told, indent=2, allow_nan=False) + "\n"
