"""One run: its progress, curves, loads and log, live while it goes on."""

from __future__ import annotations

from typing import Any

import streamlit as st
import ui

from moe_kb.analysis import run_metrics
from moe_kb.charts import lab as lab_charts
from moe_kb.format import compact
from moe_kb.lab import Curve, Entry, Lab, Run, RunCurves, flat_settings, metric_meanings
from moe_kb.lab.laboratory import MAX_NAME

from .reference import Committed, committed_beside
from .set_up import evidence_line, records, reuse
from .shared import MAX_RUNS, POLL_SECONDS, SHOWN, duration, leave_run, leave_to, moment, names_of

BADGE = {"queued": "gray", "running": "blue", "completed": "green", "cancelled": "orange"}  # the others are red


def one_run(lab: Lab, run_id: str) -> None:
    """A run by its id, with what can be done with it."""
    run = lab.run(run_id)
    with st.container(horizontal=True):
        st.button("All runs", on_click=leave_to, args=("runs",), icon=":material/arrow_back:", type="tertiary")
        label = "Set up another with these settings"
        st.button(label, on_click=reuse, args=(lab, run), icon=":material/replay:", type="tertiary")
        with st.popover("Rename", icon=":material/edit:", type="tertiary"):
            st.text_input(
                "Name",
                run.name or "",
                max_chars=MAX_NAME,
                placeholder=run_metrics.run_labels([run], names_of(lab))[run.id],
                key="run-name",
                on_change=rename,
                args=(lab, run_id),
            )

    # Polls while the run goes on; its end reruns the page, which then polls no more.
    @st.fragment(run_every=POLL_SECONDS if run.active else None)
    def live() -> None:
        now = lab.run(run_id)
        watch(lab, now)
        if run.active and not now.active:
            st.rerun()

    live()
    if entry := next((entry for entry in lab.catalogue() if entry.key == lab.current_key(run.implementation)), None):
        with st.container(border=True, gap="xsmall"):
            st.markdown("**What was run**")
            records(entry)
            evidence_line(ui.knowledge_base(), entry, run.config)
    with st.expander("Settings", icon=":material/tune:"):
        ui.value_table(
            [
                {"setting": run_metrics.setting_name(name), "value": str(v)}
                for name, v in flat_settings(run.config).items()
            ],
            {"setting": "Setting", "value": "Value"},
            key="run-config",
            alt="Settings of the run",
        )
    if not run.active:
        with st.popover("Delete this run", icon=":material/delete:", type="tertiary"):
            st.markdown("Its record, curves and log are removed for good.")
            if st.button("Delete", type="primary", key="delete"):
                lab.delete(run_id)
                leave_run()
                st.rerun()


def rename(lab: Lab, run_id: str) -> None:
    """Call the run what was typed."""
    lab.rename(run_id, st.session_state["run-name"])


def watch(lab: Lab, run: Run) -> None:
    """Everything that changes while a run goes on."""
    curves = lab.curves(run.id)
    heading, action = st.columns([5, 1], vertical_alignment="center")
    cancelling = run.active and run.cancel_requested is not None
    status = "cancelling" if cancelling else SHOWN.get(run.status, run.status)
    known = {entry.key: entry for entry in lab.catalogue()}
    key = lab.current_key(run.implementation)
    name = run_metrics.run_labels([run], names_of(lab))[run.id]
    heading.markdown(
        f"## {ui.plain(name)} :{BADGE.get(run.status, 'red')}-badge[{status}]\n\n"
        f":gray[{ui.plain(run.id)} · launched {moment(run.created)} UTC]"
    )
    if run.active and action.button(
        "Cancel", icon=":material/stop:", disabled=cancelling, width="stretch", key="cancel"
    ):
        lab.cancel(run.id)
        st.rerun(scope="fragment")
    if run.status == "queued":
        waiting = [other.id for other in reversed(lab.runs(MAX_RUNS)) if other.status == "queued"]
        place = waiting.index(run.id) + 1 if run.id in waiting else 1
        st.info(f"Number {place} in the queue; one run goes at a time.", icon=":material/hourglass:")
    if run.error:
        st.error(ui.plain(run.error), title="It did not complete", icon=":material/error:")
    progress = curves.progress
    if progress and progress.steps:
        known_end = run.active and progress.eta_seconds is not None
        left = f", about {duration(progress.eta_seconds)} left" if known_end else ""
        st.progress(min(progress.step / progress.steps, 1.0), f"Step {progress.step:,} of {progress.steps:,}{left}")
    elif run.status == "running":
        st.progress(0.0, "Starting: loading PyTorch and the data …")
    numbers(run, curves)
    held = committed_beside(ui.knowledge_base(), lab, [run])
    charts(curves, known.get(key), progress.steps if progress else None, held)
    loads(curves)
    for message in curves.messages:
        if message.level == "warning":
            st.warning(ui.plain(message.text), icon=":material/warning:")
    for problem in curves.problems[:3]:
        st.warning(ui.plain(str(problem)))
    log = lab.log_tail(run.id)
    with st.expander("Log", icon=":material/terminal:"):
        st.code(log or "Nothing printed yet.", language=None, height=260, wrap_lines=True)


def charts(curves: RunCurves, entry: Entry | None, steps: int | None, held: Committed | None) -> None:
    """The curves that matter, more to choose, each with what the implementation's page says of it.

    The headline metric stands beside what needs no model, and the dense control and the design's committed runs where
    those had the same settings.
    """
    present = run_metrics.metrics_of(curves)
    if not present:
        return
    first, headline = run_metrics.main_metrics(curves), run_metrics.headline_of(curves)
    others = [name for name in present if name not in first]
    more = ui.several("More curves", "curves", others, names=run_metrics.metric_label)
    meanings = metric_meanings(entry.page) if entry else {}
    with st.grid(2, min_column_width=420, gap="medium"):
        for name in [*first, *(name for name in more if name in present)]:
            with st.container(gap="xxsmall"):
                told: dict[str, Any] = {}
                if name == headline:
                    told["levels"] = curves.start.references if curves.start else {}
                    if held and name == held.board.protocol.headline:
                        told["beside"] = held.own | held.dense
                ui.chart(
                    lab_charts.curve_chart(curves, name, steps=steps, **told),
                    key=f"curve-{name}",
                    alt=f"{run_metrics.metric_label(name)} over the steps",
                )
                if name in more and name in meanings:
                    st.caption(meanings[name])


def loads(curves: RunCurves) -> None:
    """The latest load of every expert, or how one layer's load moved."""
    if not curves.loads:
        return
    latest = next(iter(curves.loads.values()))
    st.markdown("**Load per expert**")
    moved = [layer for layer, loads in curves.load_history.items() if len(loads) > 1]
    chosen = None
    if moved:
        views = {"": "latest, every layer"} | {layer: f"{layer} over the steps" for layer in moved}
        chosen = ui.segmented("Load per expert", "load", views, bare=True)
    even = "Assignments that each expert was asked to take, as a multiple of an even share (1)"
    if chosen:
        ui.chart(
            lab_charts.load_history_chart(curves.load_history[chosen]),
            key="load-history",
            alt=f"Load of each expert of {chosen} over the steps",
        )
        st.caption(f"{even}, in training.")
    else:
        ui.chart(lab_charts.load_chart(curves.loads), key="loads", alt="Load of each expert in each layer")
        split = "training" if latest.split == "train" else "validation"
        st.caption(f"{even}, at step {latest.step:,} ({split}).")


def numbers(run: Run, curves: RunCurves) -> None:
    """The headline numbers of a run."""

    def last(split: dict[str, Curve], name: str) -> float | None:
        curve = split.get(name)
        return curve.values[-1] if curve and curve.values else None

    speed, dropped = last(curves.train, "tokens_per_second"), last(curves.train, "dropped_fraction")
    eta = curves.progress.eta_seconds if curves.progress else None
    with st.grid(6, min_column_width=160):
        estimate = f"Estimated before the launch: {duration(run.estimate.seconds)}"
        st.metric("Elapsed", duration(run.seconds), border=True, help=estimate)
        if run.status == "queued":
            st.metric("Estimated", duration(run.estimate.seconds), border=True)
        elif run.active:
            st.metric("Left, about", duration(eta), border=True, help="From the speed of the steps so far")
        headline = run_metrics.headline_of(curves)
        label = run_metrics.metric_label(headline).removesuffix(" (percent)") if headline else "Score"
        score = run_metrics.metric_text(headline, last(curves.valid, headline)) if headline else "–"
        st.metric(f"{label}, valid", score, border=True)
        if "dropped_fraction" in run_metrics.main_metrics(curves):
            st.metric("Dropped, training", run_metrics.metric_text("dropped_fraction", dropped), border=True)
        st.metric("Tokens per second", "–" if speed is None else f"{speed:,.0f}", border=True)
        active = f"{run.estimate.params_active:,} used by a token"
        st.metric("Parameters", compact(run.estimate.params_total), border=True, help=active)
