"""All runs: a table, and their curves in one chart."""

from __future__ import annotations

from typing import Any

import streamlit as st
import ui

from moe_kb.analysis import run_metrics
from moe_kb.charts import lab as lab_charts
from moe_kb.format import compact
from moe_kb.lab import Lab, Run, flat_settings

from .run import SHOWN
from .shared import MAX_RUNS, POLL_SECONDS, duration, moment, show_run


def open_row(ids: list[str]) -> None:
    """Open the run of the row that was clicked."""
    click = st.session_state["open-run"]
    if 0 <= click.row < len(ids):
        show_run(ids[click.row])


def all_runs(lab: Lab) -> None:
    """Runs, newest first, and a chart of those chosen."""
    runs = lab.runs(MAX_RUNS)
    if not runs:
        ui.empty("No runs yet.", "Set one up and launch it; it stays here, with its curves, until you delete it.")
        return

    @st.fragment(run_every=POLL_SECONDS if any(run.active for run in runs) else None)
    def listed() -> None:
        now = lab.runs(MAX_RUNS)
        ui.data_table(
            [row_of(lab, run) for run in now],
            {
                "id": st.column_config.ButtonColumn(
                    "Run",
                    key="open-run",
                    on_click=open_row,
                    args=([run.id for run in now],),
                    type="tertiary",
                    alignment="left",
                    pinned=True,
                    help="Click to open it",
                ),
                "implementation": "Implementation",
                "task": "Task",
                "status": "Status",
                "progress": st.column_config.ProgressColumn("Progress", format="percent", min_value=0, max_value=1),
                "bits_per_byte": st.column_config.NumberColumn("Bits per byte", format="%.3f", help="Last validation"),
                "accuracy": st.column_config.NumberColumn("Accuracy", format="percent", help="Last validation"),
                "squared_error": st.column_config.NumberColumn("Squared error", format="%.3f", help="Last validation"),
                "launched": "Launched (UTC)",
                "took": "Took",
                "parameters": "Parameters",
                "steps": "Steps",
            },
            key="runs",
            alt="Runs, newest first",
            sparse=True,
            height="auto" if len(now) <= 12 else 460,
        )
        if any(run.active for run in runs) and not any(run.active for run in now):
            st.rerun()

    listed()
    st.header("Compare curves", anchor=False)
    labels = {run.id: run_metrics.run_label(run) for run in runs}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = ui.several("Runs", "runs", labels, width=620, placeholder="Choose two or more", max_selections=12)
        curves = {labels[run_id]: lab.curves(run_id) for run_id in chosen}
        metrics = list(dict.fromkeys(name for curve in curves.values() for name in run_metrics.metrics_of(curve)))
        metrics = metrics or [run_metrics.HEADLINES[0]]
        usual = next((name for name in run_metrics.HEADLINES if name in metrics), metrics[0])
        metric = ui.select("Metric", "metric", metrics, usual, names=run_metrics.metric_label, width=330)
        split = ui.segmented("Split", "split", {"valid": "Validation", "train": "Training"})
    if not chosen:
        st.caption("Choose runs to see their curves in one chart and the settings in which they differ.")
        return
    alt = f"{run_metrics.metric_label(metric)} of {len(chosen)} runs"
    ui.chart(lab_charts.comparison_chart(curves, metric, split), key="comparison", alt=alt)
    differing = run_metrics.differing_settings([run for run in runs if run.id in chosen])
    if differing:
        st.markdown("**Settings that differ**")
        ui.data_table(differing, {}, key="differing", alt="Settings in which the runs differ")
    elif len(chosen) > 1:
        st.caption("These runs have the same settings.")


def row_of(lab: Lab, run: Run) -> dict[str, Any]:
    """What the table says of a run."""
    curves = lab.latest(run)

    def last(name: str) -> float | None:
        valid = curves.valid.get(name)
        return valid.values[-1] if valid and valid.values else None

    progress, settings = curves.progress, flat_settings(run.config)
    return {
        "id": run.id,
        "implementation": run.implementation,
        "task": settings.get("task"),
        "status": "cancelling" if run.active and run.cancel_requested else SHOWN.get(run.status, run.status),
        "progress": progress.step / progress.steps if progress and progress.steps else 0.0,
        **{name: last(name) for name in run_metrics.HEADLINES},
        "launched": moment(run.created),
        "took": duration(run.seconds),
        "parameters": compact(run.estimate.params_total),
        "steps": settings.get("steps"),
    }
