"""All runs: a table in which runs are ticked to be compared."""

from __future__ import annotations

from typing import Any

import streamlit as st
import ui

from moe_kb.analysis import run_metrics
from moe_kb.format import compact
from moe_kb.lab import Lab, Run, flat_settings

from .comparison import MOST, comparison
from .shared import MAX_RUNS, POLL_SECONDS, SHOWN, duration, moment, names_of, show_run

TICKED = "runs"
"""Parameter of the address with the ids of the runs that are compared."""


def open_row(ids: list[str]) -> None:
    """Open the run of the row that was clicked."""
    click = st.session_state["open-run"]
    if 0 <= click.row < len(ids):
        show_run(ids[click.row])


def ticked(runs: tuple[Run, ...]) -> list[Run]:
    """The runs that the address names, in its order."""
    ui.addressed().add(TICKED)
    known = {run.id: run for run in runs}
    return [known[name] for name in dict.fromkeys(st.query_params.get_all(TICKED)) if name in known][:MOST]


def tick(ids: list[str], key: str) -> None:
    """Put the runs whose rows are ticked into the address, those that were there already first."""
    rows = [ids[row] for row in st.session_state[key].selection.rows if row < len(ids)]
    before = [name for name in st.query_params.get_all(TICKED) if name in rows]
    chosen = list(dict.fromkeys([*before, *rows]))[:MOST]
    if chosen:
        st.query_params[TICKED] = chosen
    else:
        st.query_params.pop(TICKED, None)


def all_runs(lab: Lab) -> None:
    """Runs, newest first, and those that are ticked beside each other."""
    runs = lab.runs(MAX_RUNS)
    if not runs:
        ui.empty("No runs yet.", "Set one up and launch it; it stays here, with its curves, until you delete it.")
        return

    # One fragment, so that a tick and a poll bring both up to date.
    @st.fragment(run_every=POLL_SECONDS if any(run.active for run in runs) else None)
    def live() -> None:
        now = lab.runs(MAX_RUNS)
        labels = run_metrics.run_labels(now, names_of(lab))
        listed(lab, now, labels)
        st.subheader("Compare runs", anchor=False)
        if chosen := ticked(now):
            comparison(lab, chosen, labels)
        else:
            st.caption("Tick runs in the table to see their curves in one chart and the settings in which they differ.")
        if any(run.active for run in runs) and not any(run.active for run in now):
            st.rerun()

    live()


def listed(lab: Lab, runs: tuple[Run, ...], labels: dict[str, str]) -> None:
    """The table. Its key changes with the runs that it lists, since ticks are kept by the number of a row."""
    ids = [run.id for run in runs]
    key = f"runs-{ids[0]}-{len(ids)}"
    chosen = {run.id for run in ticked(runs)}
    ui.data_table(
        [row_of(lab, run, labels[run.id]) for run in runs],
        {
            "run": st.column_config.ButtonColumn(
                "Run",
                key="open-run",
                on_click=open_row,
                args=(ids,),
                type="tertiary",
                alignment="left",
                pinned=True,
                help="Click to open it",
            ),
            "task": "Task",
            "status": "Status",
            "progress": st.column_config.ProgressColumn("Progress", format="percent", min_value=0, max_value=1),
            "bits_per_byte": st.column_config.NumberColumn("Bits per byte", format="%.3f", help="Last validation"),
            "accuracy": st.column_config.NumberColumn("Accuracy", format="percent", help="Last validation"),
            "squared_error": st.column_config.NumberColumn("Squared error", format="%.3f", help="Last validation"),
            "active": st.column_config.TextColumn("Active", help="Parameters that a token uses, with embeddings"),
            "parameters": "Parameters",
            "took": "Took",
            "launched": "Launched (UTC)",
            "id": "Id",
        },
        key=key,
        alt="Runs, newest first",
        sparse=True,
        height="auto" if len(runs) <= 12 else 460,
        on_select=lambda: tick(ids, key),
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [row for row, name in enumerate(ids) if name in chosen]}},
    )


def row_of(lab: Lab, run: Run, label: str) -> dict[str, Any]:
    """What the table says of a run."""
    curves = lab.latest(run)

    def last(name: str) -> float | None:
        valid = curves.valid.get(name)
        return valid.values[-1] if valid and valid.values else None

    progress = curves.progress
    return {
        "run": label,
        "task": flat_settings(run.config).get("task"),
        "status": "cancelling" if run.active and run.cancel_requested else SHOWN.get(run.status, run.status),
        "progress": progress.step / progress.steps if progress and progress.steps else 0.0,
        **{name: last(name) for name in run_metrics.HEADLINES},
        "active": compact(run.estimate.params_active),
        "parameters": compact(run.estimate.params_total),
        "took": duration(run.seconds),
        "launched": moment(run.created),
        "id": run.id,
    }
