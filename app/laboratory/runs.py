"""All runs: a table in which runs are ticked to be compared."""

from __future__ import annotations

from typing import Any

import streamlit as st
import ui

from moe_kb.analysis import run_metrics
from moe_kb.format import compact
from moe_kb.lab import Lab, Run, flat_settings

from .comparison import MOST, comparison
from .shared import MAX_RUNS, POLL_SECONDS, SHOWN, duration, moment, names_of

COLUMNS = {
    "task": "Task",
    "status": ui.Column(
        "Status",
        "tags",
        colours={"completed": "green", "running": "blue", "cancelled": "orange", "failed": "red", "crashed": "red"},
    ),
    "progress": ui.Column("Progress", "number", digits=".0%"),
    "bits_per_byte": ui.Column("Bits per byte", "number", digits=".3f", help="Last validation"),
    "accuracy": ui.Column("Accuracy", "number", digits=".1%", help="Last validation"),
    "squared_error": ui.Column("Squared error", "number", digits=".3f", help="Last validation"),
    "active": ui.Column("Active", "number", digits=compact, help="Parameters that a token uses, with embeddings"),
    "parameters": ui.Column("Parameters", "number", digits=compact),
    "took": "Took",
    "launched": ui.Column("Launched (UTC)", minor=True),
}


def all_runs(lab: Lab) -> None:
    """Runs, newest first, and those that are ticked beside each other."""
    runs = lab.runs(MAX_RUNS)
    if not runs:
        ui.empty("No runs yet.", "Set one up and launch it; it stays here, with its curves, until you delete it.")
        return

    # One fragment, so that a tick and a poll bring both up to date.
    @st.fragment(run_every=POLL_SECONDS if any(run.active for run in runs) else None)
    def live() -> None:
        now = {run.id: run for run in lab.runs(MAX_RUNS)}
        labels = run_metrics.run_labels(now.values(), names_of(lab))
        ticked = listed(lab, [row_of(lab, run, labels[run.id]) for run in now.values()])
        st.header("Compare runs", anchor=False)
        if len(ticked) > MOST:
            st.warning(f"At most {MOST} runs are compared; the first {MOST} ticked are.", icon=":material/help:")
        if ticked:
            comparison(lab, [now[name] for name in ticked[:MOST]], labels)
        else:
            st.caption("Tick runs in the table to see their curves in one chart and the settings in which they differ.")
        if any(run.active for run in runs) and not any(run.active for run in now.values()):
            st.rerun()

    live()


def listed(lab: Lab, rows: list[dict[str, Any]]) -> list[str]:
    """The table; returns the ids of the runs that are ticked."""
    used = {name: column for name, column in COLUMNS.items() if any(row[name] is not None for row in rows)}
    return ui.record_table(
        rows, used, key="runs", alt="Runs, newest first", name_label="Run", name_width=220, height=460, selectable=True
    )


def row_of(lab: Lab, run: Run, label: str) -> dict[str, Any]:
    """What the table says of a run."""
    curves = lab.latest(run)

    def last(name: str) -> float | None:
        valid = curves.valid.get(name)
        return valid.values[-1] if valid and valid.values else None

    progress = curves.progress
    return {
        "record": f"run:{run.id}",
        "name": label,
        "task": flat_settings(run.config).get("task"),
        "status": "cancelling" if run.active and run.cancel_requested else SHOWN.get(run.status, run.status),
        "progress": progress.step / progress.steps if progress and progress.steps else 0.0,
        **{name: last(name) for name in run_metrics.HEADLINES},
        "active": run.estimate.params_active,
        "parameters": run.estimate.params_total,
        "took": duration(run.seconds),
        "launched": moment(run.created),
    }
