"""Setting up a run: what the implementation is, a form made from its config class, and what the run will take."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import streamlit as st
import ui

from moe_kb.analysis import run_metrics
from moe_kb.analysis.run_budget import departures
from moe_kb.format import compact
from moe_kb.kb import KnowledgeBase
from moe_kb.lab import (
    Entry,
    Finding,
    FormField,
    Lab,
    LabError,
    Preflight,
    Run,
    browsing,
    details,
    flat_settings,
    form_fields,
    form_from_config,
    page_markdown,
    to_text,
)

from . import settings
from .settings import Settings
from .shared import MAX_RUNS, complain, duration, leave_to, show_run

STATUS = {"complete": ":green-badge[complete]", "partial": ":orange-badge[partial]"}
SEVERITY = {"error": st.error, "warning": st.warning, "info": st.info}


def set_up(lab: Lab, entry: Entry) -> None:
    """Everything between choosing an implementation and launching it."""
    kb = ui.knowledge_base()
    describe(entry)
    form, outlook = st.columns([3, 1], gap="medium")
    with form:
        chosen = asked(kb, lab, entry)
    checked = lab.preflight(entry.key, chosen.config)
    with outlook, st.container(key="outlook"):
        launch(lab, entry, chosen, checked)
    launch_button(lab, entry, chosen, checked, key="launch-below", width="content")
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
    records(entry)


def records(entry: Entry) -> None:
    """Links to the designs that it implements and the papers that it follows."""
    names = {brief.record: brief.label for brief in ui.knowledge_base().briefs()}
    with st.container(horizontal=True):
        for design in entry.designs:
            ui.record_link(f"design:{design}", names.get(f"design:{design}", design), icon=":material/alt_route:")
        for paper in entry.papers:
            ui.record_link(f"paper:{paper}", names.get(f"paper:{paper}", paper), icon=":material/article:")


# --- the form ----------------------------------------------------------------------------------------------------


def asked(kb: KnowledgeBase, lab: Lab, entry: Entry) -> Settings:
    """The form: preset and task, what is wrong with the settings, then a grid of inputs for each group of them."""
    with st.container(horizontal=True, gap="medium"):
        preset = settings.preset_asked(kb, [entry.key])
        chooser = browsing.task_field(form_fields(entry.config_class))
        task = None
        if chooser and not preset:
            choices = {name: str(name).capitalize() for name in chooser.choices}
            about = ui.plain(chooser.help) if chooser.help else None
            task = ui.segmented("Task", settings.TASK, choices, chooser.default, help=about)
    chosen = settings.settings_of(kb, entry, preset=preset, task=task)
    evidence_line(kb, entry, chosen.config)
    wrong = lab.invalid_settings(entry.key, chosen.config)
    for number, finding in enumerate(wrong):
        refused(finding, chosen.fields, number)
    marked = {name for finding in wrong for name in finding.settings}
    every_task = {name for other in lab.catalogue() for name in other.tasks}
    task = chosen.values[chosen.task.name] if chosen.task else None
    for group, members in browsing.groups(chosen.fields, task, every_task).items():
        with st.container(border=True):
            st.markdown(f"**{ui.plain((group or 'settings').capitalize())}**")
            with st.grid(4, min_column_width=170):
                for field in members:
                    setting(entry.key, field, chosen.values[field.name], marked)
    if chosen.changed:
        names = [run_metrics.setting_label(field) for field in chosen.fields if field.name in chosen.changed]
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("Changed: " + ui.plain(", ".join(names)))
            st.button(
                "Back to the defaults",
                on_click=settings.forget,
                icon=":material/undo:",
                type="tertiary",
                key="defaults",
            )
    return chosen


def evidence_line(kb: KnowledgeBase, entry: Entry, config: Mapping[str, Any]) -> None:
    """What the committed comparisons say of this design, and where these settings are others."""
    task = flat_settings(config).get("task")
    for board in ui.cached(KnowledgeBase.leaderboards, kb, entry.key):
        held = board.protocol
        if task is not None and held.task != task:
            continue
        other = departures(config, settings.committed(kb, held.protocol)[entry.key])
        comparable = "under these settings" if not other else "under another budget: " + run_metrics.changes(other)
        address = ui.address("evidence", {"protocol": held.protocol, "shown": [entry.key]})
        st.caption(
            f"[Evidence]({address}) has {ui.plain(board.text(entry.key))}, mean of {held.seeds} seeds, "
            f"{ui.plain(comparable)}."
        )


def refused(finding: Finding, fields: Sequence[FormField], number: int) -> None:
    """What is wrong with the settings, in the words of the form, and the nearest values that are right."""
    with st.container(border=True, gap="xsmall"):
        names = [field for field in fields if field.name in finding.settings]
        about = " and ".join(run_metrics.setting_label(field) for field in names) or "Settings"
        fix = "Take another value, such as one of these." if finding.repairs else f"{finding.fix}."
        st.error(
            ui.plain(f"{run_metrics.in_labels(finding.message, fields)}. {fix}"),
            title=ui.plain(about),
            icon=":material/error:",
        )
        with st.container(horizontal=True):
            for field in names:
                for value in finding.repairs.get(field.name, ()):
                    text = to_text(value)
                    st.button(
                        f"{ui.plain(run_metrics.setting_label(field))}: {ui.plain(text)}",
                        on_click=settings.change,
                        args=({field.short: None if value == field.default else text},),
                        key=f"repair-{number}-{field.short}-{text}",
                    )


def keep(field: FormField, widget: str) -> None:
    """Put what an input was set to into the address; its default takes it out."""
    value = st.session_state[widget]
    settings.change({field.short: None if value in (None, field.default) else to_text(value)})


def setting(key: str, field: FormField, value: Any, marked: Collection[str]) -> None:
    """One input; its bounds, default, unit and help come from the config class."""
    label, widget = ui.plain(run_metrics.setting_label(field)), f"set-{key}-{field.short}"
    if field.name in marked:
        label = f":red[:material/error: **{label}**]"
    number: type[int] | type[float] = int if field.kind == "int" else float

    def of(value: float | None) -> float | int | None:
        return None if value is None else number(value)

    # The address holds what was typed, so that a default may change under it. A value that stands already is not set
    # again: the browser would put it over what is being typed meanwhile.
    wanted = of(value) if field.kind in ("int", "float") else value
    if widget not in st.session_state or st.session_state[widget] != wanted:
        st.session_state[widget] = wanted
    about = ui.plain(field.help) if field.help else None
    given = {"key": widget, "help": about, "on_change": keep, "args": (field, widget)}
    if field.kind == "bool":
        st.toggle(label, **given)
    elif field.kind == "choice":
        st.selectbox(label, list(field.choices), **given)
    elif field.kind == "text":
        st.text_input(label, **given)
    else:
        digits = "%d" if field.kind == "int" else "%g"
        st.number_input(label, of(field.minimum), of(field.maximum), step=of(field.step), format=digits, **given)


def reuse(lab: Lab, run: Run) -> None:
    """Go to the form of a run's implementation with the settings of the run."""
    leave_to("set-up")
    key = lab.current_key(run.implementation)
    st.query_params["implementation"] = key
    settings.forget()
    entry = {entry.key: entry for entry in lab.catalogue()}.get(key)
    if entry is None:
        return
    task = flat_settings(run.config).get("task")
    given = {"task": task} if task else {}
    for name, value in given.items():
        st.query_params[name] = str(value)
    st.query_params.pop(settings.PRESET, None)
    fields = form_fields(entry.config_class, given)
    values = form_from_config(fields, run.config)
    settings.change(settings.difference([field for field in fields if field.short != "task"], values))


# --- the outlook -------------------------------------------------------------------------------------------------


def launch(lab: Lab, entry: Entry, chosen: Settings, checked: Preflight) -> None:
    """What a run will take, what stands against it, the button, and the run as code."""
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
        launch_button(lab, entry, chosen, checked, key="launch", width="stretch")
        with st.popover("Copy as command or Python", icon=":material/content_copy:", width="stretch"):
            st.code(as_command(entry, chosen), language="bash", wrap_lines=True)
            st.code(as_python(entry, chosen), language="python", wrap_lines=True)
    for finding in checked.findings:
        if not finding.settings:  # those stand by the form
            place = ui.plain(finding.place.removeprefix("config."))
            SEVERITY[finding.severity](ui.plain(f"{finding.message}. {finding.fix}."), title=place)
    if any(finding.settings for finding in checked.findings):
        st.caption(":material/error: A setting is wrong; see the form.")
    elif checked.ok and not checked.findings:
        st.caption(":material/check: The settings are right, and this machine can run them.")


def launch_button(lab: Lab, entry: Entry, chosen: Settings, checked: Preflight, *, key: str, width: str) -> None:
    """The button that queues the run and shows it."""
    if st.button("Launch", type="primary", icon=":material/play_arrow:", disabled=not checked.ok, width=width, key=key):
        try:
            run = lab.launch(entry.key, chosen.config)
        except LabError as error:
            complain(error)
        else:
            show_run(run.id)
            st.rerun()


def as_command(entry: Entry, chosen: Settings) -> str:
    """A line for a shell that makes the run in the terminal."""
    config = json.dumps(chosen.brief)
    return f"echo {shlex.quote(config)} > run.json && moe-kb run {entry.key} --config run.json"


def as_python(entry: Entry, chosen: Settings) -> str:
    """Lines of Python that make the run; the Lab page shows it, too."""
    return f"""from moe_kb.lab import Lab

lab = Lab()
run = lab.launch({entry.key!r}, {chosen.brief!r})
print(lab.wait(run.id, timeout=3600).status)
for name, curve in lab.curves(run.id).valid.items():
    print(name, curve.values[-1])
"""
