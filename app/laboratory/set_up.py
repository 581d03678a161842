"""Setting up a run: what the implementation is, a form made from its config class, and what the run will take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st
import ui

from moe_kb.analysis import run_metrics
from moe_kb.format import compact
from moe_kb.lab import (
    Entry,
    FormField,
    Lab,
    LabError,
    Run,
    browsing,
    config_from_form,
    details,
    flat_settings,
    form_fields,
    form_from_config,
    page_markdown,
)

from .shared import MAX_RUNS, complain, duration, leave_to, show_run

STATUS = {"complete": ":green-badge[complete]", "partial": ":orange-badge[partial]"}
SEVERITY = {"error": st.error, "warning": st.warning, "info": st.info}


def set_up(lab: Lab, entry: Entry) -> None:
    """Everything between choosing an implementation and launching it."""
    describe(entry)
    form, outlook = st.columns([3, 1], gap="medium")
    with form:
        fields, values = inputs(lab, entry)
    with outlook:
        launch(lab, entry, config_from_form(fields, values))
    st.divider()
    page, deviations = st.tabs(["How it works", "Deviations and checks"], key="entry-page")
    with page, st.container(width=900):
        # The page comes with an installed package, as code does; it is not record text.
        st.markdown(page_markdown(entry.page))
    with deviations, st.container(width=900):
        st.markdown("**Where it departs from the paper or the authors' code**")
        st.markdown(page_markdown("\n".join(f"- {text}" for text in entry.deviations)) or "Nowhere.")
        st.markdown("**What its arithmetic was checked against**")
        st.markdown(ui.plain(entry.verified_against))


def describe(entry: Entry) -> None:
    """What it does, how far it goes, and the records it implements."""
    known = details(entry)
    st.markdown(ui.plain(entry.summary))
    causality = browsing.causality(known)
    badges = (
        f":blue-badge[{ui.plain(known.family)}]" if known.family else "",
        f":gray-badge[{known.year}]" if known.year else "",
        STATUS[entry.status],
        f":violet-badge[{ui.plain(causality)}]" if causality else "",
    )
    st.markdown(" ".join(filter(None, badges)))
    if known.gap:
        st.markdown(f"**Not reported:** {ui.plain(known.gap)}")
    st.caption("Checked against " + ui.plain(entry.verified_against))
    names = {brief.record: brief.label for brief in ui.knowledge_base().briefs()}
    with st.container(horizontal=True):
        for design in entry.designs:
            ui.record_link(f"design:{design}", names.get(f"design:{design}", design), icon=":material/alt_route:")
        for paper in entry.papers:
            ui.record_link(f"paper:{paper}", names.get(f"paper:{paper}", paper), icon=":material/article:")


# --- the form ----------------------------------------------------------------------------------------------------


def typed_in(key: str) -> dict[str, Any]:
    """What the person set in an implementation's form, by field. It outlives the inputs, which Streamlit forgets as
    soon as they are not on the page, and the task, whose change gives the other fields other defaults."""
    kept: dict[str, dict[str, Any]] = st.session_state.setdefault("typed", {})
    return kept.setdefault(key, {})


def keep(key: str, field: FormField, widget: str) -> None:
    """Remember what an input was set to; its default is nothing to remember."""
    value = st.session_state[widget]
    if value == field.default:
        typed_in(key).pop(field.name, None)
    else:
        typed_in(key)[field.name] = value


def inputs(lab: Lab, entry: Entry) -> tuple[Sequence[FormField], dict[str, Any]]:
    """The form: the task, then a grid of inputs for each group of settings; every field and the values shown."""
    fields = form_fields(entry.config_class)
    task = browsing.task_field(fields)
    values: dict[str, Any] = {}
    if task:
        choices = {name: str(name).capitalize() for name in task.choices}
        about = ui.plain(task.help) if task.help else None
        values[task.name] = ui.segmented("Task", "task", choices, task.default, help=about)
        fields = form_fields(entry.config_class, config_from_form([task], values))
    every_task = {name for entry in lab.catalogue() for name in entry.tasks}
    for group, members in browsing.groups(fields, values[task.name] if task else None, every_task).items():
        with st.container(border=True):
            st.markdown(f"**{ui.plain((group or 'settings').capitalize())}**")
            with st.grid(4, min_column_width=170):
                for field in members:
                    values[field.name] = setting(entry.key, field)
    changed = [run_metrics.setting_label(field) for field in fields if field.name in typed_in(entry.key)]
    if changed:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("Changed: " + ui.plain(", ".join(changed)))
            forget = typed_in(entry.key).clear
            st.button("Back to the defaults", on_click=forget, icon=":material/undo:", type="tertiary", key="defaults")
    return fields, values


def setting(key: str, field: FormField) -> Any:
    """One input; its bounds, default, unit and help come from the config class."""
    label, widget = run_metrics.setting_label(field), f"set-{key}-{field.short}"
    value = typed_in(key).get(field.name, field.default)
    number: type[int] | type[float] = int if field.kind == "int" else float

    def of(value: float | None) -> float | int | None:
        return None if value is None else number(value)

    # What was typed is kept above, so that a default may change under it. A value that stands already is not set
    # again: the browser would put it over what is being typed meanwhile.
    wanted = of(value) if field.kind in ("int", "float") else value
    if widget not in st.session_state or st.session_state[widget] != wanted:
        st.session_state[widget] = wanted
    about = ui.plain(field.help) if field.help else None
    given = {"key": widget, "help": about, "on_change": keep, "args": (key, field, widget)}
    if field.kind == "bool":
        return st.toggle(label, **given)
    if field.kind == "choice":
        return st.selectbox(label, list(field.choices), **given)
    if field.kind == "text":
        return st.text_input(label, **given) or (None if field.optional else "")
    digits = "%d" if field.kind == "int" else "%g"
    return st.number_input(label, of(field.minimum), of(field.maximum), step=of(field.step), format=digits, **given)


def reuse(lab: Lab, run: Run) -> None:
    """Go to the form of a run's implementation with the settings of the run."""
    leave_to("set-up")
    key = lab.current_key(run.implementation)
    st.query_params["implementation"] = key
    entry = {entry.key: entry for entry in lab.catalogue()}.get(key)
    if entry is None:
        return
    settings = flat_settings(run.config)
    given = {"task": settings["task"]} if settings.get("task") else {}
    for name, value in given.items():
        st.query_params[name] = str(value)
    fields = form_fields(entry.config_class, given)
    values = form_from_config(fields, run.config)
    typed_in(entry.key).clear()
    typed_in(entry.key).update(
        {field.name: values[field.name] for field in fields if values.get(field.name, field.default) != field.default}
    )


# --- the outlook -------------------------------------------------------------------------------------------------


def launch(lab: Lab, entry: Entry, config: dict[str, Any]) -> None:
    """What a run will take, what stands against it, and the button."""
    checked = lab.preflight(entry.key, config)
    with st.container(border=True):
        st.markdown("**Estimated cost**")
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
        place = ui.plain(finding.place.removeprefix("config."))
        SEVERITY[finding.severity](ui.plain(f"{finding.message}. {finding.fix}."), title=place)
    if checked.ok and not checked.findings:
        st.caption(":material/check: The settings are right, and this machine can run them.")
