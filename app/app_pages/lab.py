"""Lab: choose an implementation, set it up, launch it, watch it, and look back at past runs."""

from __future__ import annotations

import time
from typing import Any

import pandas as pd
import streamlit as st
import ui

from moe_kb.figures import lab as figures
from moe_kb.figures.models import compact
from moe_kb.lab import Entry, FormField, Lab, LabError, Run, config_from_form, default_home, form_fields

kb = ui.knowledge_base()
POLL_SECONDS = 1.5
MAX_RUNS = 200
BADGE = {
    "queued": "gray",
    "running": "blue",
    "completed": "green",
    "failed": "red",
    "cancelled": "orange",
    "lost": "red",
}
SEVERITY = {"error": st.error, "warning": st.warning, "info": st.info}


@st.cache_resource(max_entries=4, show_spinner=False)
def laboratory(home: str) -> Lab:
    return Lab(home)


def complain(error: LabError) -> None:
    """The place, the rule and the mend."""
    st.error(ui.plain(f"{error.rule}. {error.mend}"), title=ui.plain(error.place), icon=":material/error:")


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return (
        f"{whole // 60} min {whole % 60:02d} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    )


def moment(seconds: float | None) -> str | None:
    return None if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def show_run(run_id: str) -> None:
    st.query_params["run"] = run_id


def leave_run() -> None:
    if "run" in st.query_params:
        del st.query_params["run"]


# --- setting up --------------------------------------------------------------------------------------------------


def setting(field: FormField, key: str) -> Any:
    """One input; its bounds, default, unit and help come from the config class."""
    label = figures.setting_label(field)
    # The default goes into the state, where the settings of an earlier run may already be.
    st.session_state.setdefault(key, field.default)
    given = {"key": key, "help": ui.plain(field.help) if field.help else None}
    if field.kind == "bool":
        return st.toggle(label, **given)
    if field.kind == "choice":
        return st.selectbox(label, list(field.choices), **given)
    if field.kind == "text":
        return st.text_input(label, **given) or (None if field.optional else "")
    number: type[int] | type[float] = int if field.kind == "int" else float
    if st.session_state[key] is not None:
        st.session_state[key] = number(st.session_state[key])

    def of(value: float | None) -> float | int | None:
        return None if value is None else number(value)

    return st.number_input(
        label,
        of(field.minimum),
        of(field.maximum),
        step=of(field.step),
        format="%d" if field.kind == "int" else "%g",
        **given,
    )


def set_up(lab: Lab) -> None:
    entries = {entry.key: entry for entry in lab.catalogue()}
    for problem in lab.problems():
        st.warning(ui.plain(str(problem)), icon=":material/extension_off:")
    if not entries:
        ui.empty("Nothing can be run.", "Install a package with implementations: pip install 'moe-kb[lab]'.")
        return
    asked = st.query_params.get("implementation")
    if asked and asked not in entries:
        st.info(f"There is no implementation {ui.plain(repr(asked[:80]))}. These can be run:", icon=":material/info:")
    key = st.segmented_control(
        "Implementation",
        list(entries),
        format_func=lambda key: entries[key].name,
        required=True,
        **ui.in_address("implementation", next(iter(entries)), entries),
    )
    entry = entries[key]
    describe(entry)
    form, outlook = st.columns([3, 1], gap="medium")
    with form:
        values = inputs(entry)
    with outlook:
        launch(lab, entry, config_from_form(form_fields(entry.config_class), values))
    st.divider()
    page, deviations = st.tabs(["How it works", "Deviations and checks"], key="entry-page")
    with page, st.container(width=900):
        # The page comes with an installed package, as code does; it is not record text.
        st.markdown(figures.page_markdown(entry.page))
    with deviations, st.container(width=900):
        st.markdown("**Where it departs from the paper or the authors' code**")
        st.markdown("\n".join(f"- {ui.plain(text)}" for text in entry.deviations) or "Nowhere.")
        st.markdown("**What its arithmetic was checked against**")
        st.markdown(ui.plain(entry.oracle))


def describe(entry: Entry) -> None:
    status = ":green-badge[complete]" if entry.status == "complete" else ":orange-badge[partial]"
    st.markdown(f"{ui.plain(entry.summary)} {status} :gray-badge[task: {ui.plain(', '.join(entry.tasks))}]")
    st.caption("Checked against " + ui.plain(entry.oracle))
    names = {brief.record: brief.label for brief in kb.briefs()}
    with st.container(horizontal=True):
        for design in entry.designs:
            ui.record_link(f"design:{design}", names.get(f"design:{design}", design), icon=":material/alt_route:")
        for paper in entry.papers:
            ui.record_link(f"paper:{paper}", names.get(f"paper:{paper}", paper), icon=":material/article:")


def inputs(entry: Entry) -> dict[str, Any]:
    """The form: a grid of inputs for each group of settings."""
    fields = form_fields(entry.config_class)
    reused = st.session_state.pop("reuse", None)
    if reused and reused[0] == entry.key:
        for field in fields:
            if field.name in reused[1]:
                st.session_state[f"set-{entry.key}-{field.name}"] = reused[1][field.name]
    values: dict[str, Any] = {}
    for group in dict.fromkeys(field.group for field in fields):
        with st.container(border=True):
            st.markdown(f"**{ui.plain((group or 'settings').capitalize())}**")
            with st.grid(4, min_column_width=170):
                for field in fields:
                    if field.group == group:
                        values[field.name] = setting(field, f"set-{entry.key}-{field.name}")
    return values


def launch(lab: Lab, entry: Entry, config: dict[str, Any]) -> None:
    checked = lab.preflight(entry.key, config)
    with st.container(border=True):
        st.markdown("**What it will take**")
        if checked.estimate:
            estimate = checked.estimate
            st.metric("Time, about", duration(estimate.seconds))
            st.metric("Memory, about", f"{estimate.memory_bytes / 1024**3:.2f} GiB")
            st.metric(
                "Parameters",
                compact(estimate.params_total),
                help=f"{estimate.params_total:,} in total, {estimate.params_active:,} used by a token",
            )
        ahead = sum(run.active for run in lab.runs(MAX_RUNS))
        if ahead:
            st.caption(f"{ahead} run{'s' if ahead > 1 else ''} ahead: it will wait for its turn.")
        if st.button(
            "Launch",
            type="primary",
            icon=":material/play_arrow:",
            disabled=not checked.ok,
            width="stretch",
            key="launch",
        ):
            try:
                run = lab.launch(entry.key, config)
            except LabError as error:
                complain(error)
            else:
                show_run(run.id)
                st.rerun()
    for finding in checked.findings:
        SEVERITY[finding.severity](
            ui.plain(f"{finding.message}. {finding.mend}."),
            title=ui.plain(finding.place.removeprefix("config.")),
        )
    if checked.ok and not checked.findings:
        st.caption(":material/check: The settings are right, and this machine can run them.")


# --- one run -----------------------------------------------------------------------------------------------------


def one_run(lab: Lab, run_id: str) -> None:
    run = lab.run(run_id)
    with st.container(horizontal=True):
        st.button("All runs", on_click=leave_to, args=("runs",), icon=":material/arrow_back:", type="tertiary")
        st.button(
            "Set up another with these settings",
            on_click=reuse,
            args=(run,),
            icon=":material/replay:",
            type="tertiary",
        )

    # Polls while the run goes on; its end reruns the page, which then polls no more.
    @st.fragment(run_every=POLL_SECONDS if run.active else None)
    def live() -> None:
        now = lab.run(run_id)
        watch(lab, now)
        if run.active and not now.active:
            st.rerun()

    live()
    with st.expander("Settings", icon=":material/tune:"):
        st.dataframe(
            pd.DataFrame([{"setting": name.replace("_", " "), "value": str(v)} for name, v in run.config.items()]),
            hide_index=True,
            key="run-config",
            alt="Settings of the run",
            width=520,
            height=430,
            column_config={"setting": "Setting", "value": "Value"},
        )
    if not run.active:
        with st.popover("Delete this run", icon=":material/delete:", type="tertiary"):
            st.markdown("Its record, curves and log are removed for good.")
            if st.button("Delete", type="primary", key="delete"):
                lab.delete(run_id)
                leave_run()
                st.rerun()


def leave_to(view: str) -> None:
    leave_run()
    st.query_params["view"] = view


def reuse(run: Run) -> None:
    leave_to("set-up")
    st.query_params["implementation"] = run.implementation
    st.session_state["reuse"] = (run.implementation, run.config)


def watch(lab: Lab, run: Run) -> None:
    """Everything that changes while a run goes on."""
    curves = lab.curves(run.id)
    heading, action = st.columns([5, 1], vertical_alignment="center")
    cancelling = run.active and run.cancel_requested is not None
    status = "cancelling" if cancelling else run.status
    known = {entry.key: entry.name for entry in lab.catalogue()}
    heading.markdown(
        f"### {ui.plain(known.get(run.implementation, run.implementation))} :{BADGE[run.status]}-badge[{status}]\n\n"
        f":gray[{ui.plain(run.id)} · launched {moment(run.created)} UTC]"
    )
    if run.active and action.button(
        "Cancel", icon=":material/stop:", disabled=cancelling, width="stretch", key="cancel"
    ):
        lab.cancel(run.id)
        st.rerun(scope="fragment")
    if run.status == "queued":
        waiting = [one.id for one in reversed(lab.runs(MAX_RUNS)) if one.status == "queued"]
        st.info(
            f"Number {waiting.index(run.id) + 1 if run.id in waiting else 1} in the queue; one run goes at a time.",
            icon=":material/hourglass:",
        )
    if run.error:
        st.error(ui.plain(run.error), title="It did not complete", icon=":material/error:")
    progress = curves.progress
    if progress and progress.steps:
        left = (
            f", about {duration(progress.eta_seconds)} left" if run.active and progress.eta_seconds is not None else ""
        )
        st.progress(min(progress.step / progress.steps, 1.0), f"Step {progress.step:,} of {progress.steps:,}{left}")
    elif run.status == "running":
        st.progress(0.0, "Starting: loading PyTorch and the text …")
    numbers(run, curves)
    present = figures.metrics_of(curves)
    if present:
        first = [name for name in figures.MAIN if name in present]
        others = [name for name in present if name not in first]
        more = st.multiselect(
            "More curves", others, format_func=figures.metric_label, **ui.in_address("curves", [], others)
        )
        steps = progress.steps if progress else None
        with st.grid(2, min_column_width=420, gap="medium"):
            for name in [*first, *(name for name in more if name in present)]:
                ui.chart(
                    figures.curve_chart(curves, name, steps=steps),
                    key=f"curve-{name}",
                    alt=f"{figures.metric_label(name)} over the steps",
                )
    if curves.loads:
        latest = next(iter(curves.loads.values()))
        st.markdown("**Load per expert**")
        ui.chart(figures.load_chart(curves.loads), key="loads", alt="Load of each expert in each layer")
        st.caption(
            f"Assignments that each expert was asked to take, as a multiple of an even share, at step {latest.step:,} "
            f"({'training' if latest.split == 'train' else 'validation'}). 1 is perfect balance."
        )
    for message in curves.messages:
        st.caption((":material/warning: " if message.level == "warning" else "") + ui.plain(message.text))
    for problem in curves.problems[:3]:
        st.warning(ui.plain(str(problem)))
    log = lab.log_tail(run.id)
    with st.expander("Log", icon=":material/terminal:"):
        st.code(log or "Nothing printed yet.", language=None, height=260, wrap_lines=True)


def numbers(run: Run, curves: Any) -> None:
    def last(split: dict[str, Any], name: str) -> float | None:
        curve = split.get(name)
        return curve.values[-1] if curve and curve.values else None

    bits, speed = last(curves.valid, "bits_per_byte"), last(curves.train, "tokens_per_second")
    dropped = last(curves.train, "dropped_fraction")
    with st.grid(6, min_column_width=160):
        st.metric("Elapsed", duration(run.seconds), border=True)
        st.metric("Estimated", duration(run.estimate.seconds), border=True)
        st.metric("Bits per byte, valid", "–" if bits is None else f"{bits:.3f}", border=True)
        st.metric("Dropped, training", "–" if dropped is None else f"{100 * dropped:.1f}%", border=True)
        st.metric("Tokens per second", "–" if speed is None else f"{speed:,.0f}", border=True)
        st.metric(
            "Parameters",
            compact(run.estimate.params_total),
            border=True,
            help=f"{run.estimate.params_active:,} used by a token",
        )


# --- past runs ---------------------------------------------------------------------------------------------------


def open_row(ids: list[str]) -> None:
    click = st.session_state["open-run"]
    if 0 <= click.row < len(ids):
        show_run(ids[click.row])


def all_runs(lab: Lab) -> None:
    runs = lab.runs(MAX_RUNS)
    if not runs:
        ui.empty("No runs yet.", "Set one up and launch it; it stays here, with its curves, until you delete it.")
        return

    @st.fragment(run_every=POLL_SECONDS if any(run.active for run in runs) else None)
    def listed() -> None:
        now = lab.runs(MAX_RUNS)
        st.dataframe(
            pd.DataFrame([row_of(lab, run) for run in now]),
            hide_index=True,
            key="runs",
            alt="Runs, newest first",
            height="auto" if len(now) <= 12 else 460,
            column_config={
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
                "status": "Status",
                "progress": st.column_config.ProgressColumn("Progress", format="percent", min_value=0, max_value=1),
                "bits": st.column_config.NumberColumn("Bits per byte", format="%.3f", help="Last validation"),
                "launched": "Launched (UTC)",
                "took": "Took",
                "parameters": "Parameters",
                "steps": "Steps",
            },
        )
        if any(run.active for run in runs) and not any(run.active for run in now):
            st.rerun()

    listed()
    st.subheader("Compare curves", anchor=False)
    labels = {run.id: figures.run_label(run) for run in runs}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.multiselect(
            "Runs",
            list(labels),
            format_func=labels.get,
            width=620,
            placeholder="Choose two or more",
            max_selections=12,
            **ui.in_address("runs", [], labels),
        )
        curves = {labels[run_id]: lab.curves(run_id) for run_id in chosen}
        metrics = list(dict.fromkeys(name for told in curves.values() for name in figures.metrics_of(told)))
        metric = st.selectbox(
            "Metric",
            metrics or ["bits_per_byte"],
            format_func=figures.metric_label,
            width=330,
            **ui.in_address("metric", "bits_per_byte", metrics or ["bits_per_byte"]),
        )
        split = st.segmented_control(
            "Split",
            ["valid", "train"],
            format_func={"valid": "Validation", "train": "Training"}.get,
            required=True,
            **ui.in_address("split", "valid", ["valid", "train"]),
        )
    if not chosen:
        st.caption("Choose runs to see their curves in one chart and the settings in which they differ.")
        return
    ui.chart(
        figures.comparison_chart(curves, metric, split),
        key="comparison",
        alt=f"{figures.metric_label(metric)} of {len(chosen)} runs",
    )
    differing = figures.differing_settings([run for run in runs if run.id in chosen])
    if differing:
        st.markdown("**Settings that differ**")
        st.dataframe(pd.DataFrame(differing), hide_index=True, key="differing", alt="Settings in which the runs differ")
    elif len(chosen) > 1:
        st.caption("These runs have the same settings.")


def row_of(lab: Lab, run: Run) -> dict[str, Any]:
    curves = lab.latest(run)
    valid = curves.valid.get("bits_per_byte")
    progress = curves.progress
    return {
        "id": run.id,
        "implementation": run.implementation,
        "status": "cancelling" if run.active and run.cancel_requested else run.status,
        "progress": progress.step / progress.steps if progress and progress.steps else 0.0,
        "bits": valid.values[-1] if valid and valid.values else None,
        "launched": moment(run.created),
        "took": duration(run.seconds),
        "parameters": compact(run.estimate.params_total),
        "steps": run.config.get("steps"),
    }


# --- the page ----------------------------------------------------------------------------------------------------

ui.header("Lab", "Run a design on this machine: a tiny language model on the text that every Python carries.")
try:
    lab = laboratory(str(default_home()))
    if "run" in st.query_params:
        one_run(lab, st.query_params["run"])
    else:
        view = st.segmented_control(
            "View",
            ["set-up", "runs"],
            format_func={"set-up": "Set up a run", "runs": "Runs"}.get,
            required=True,
            label_visibility="collapsed",
            **ui.in_address("view", "set-up", ["set-up", "runs"]),
        )
        {"set-up": set_up, "runs": all_runs}[view](lab)
except LabError as error:
    complain(error)
    if "run" in st.query_params:
        st.button("All runs", on_click=leave_to, args=("runs",), icon=":material/arrow_back:")
