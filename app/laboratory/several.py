"""Several designs under one budget (`?compare=a,b,c`): their set-ups beside each other, and one button for all runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st
import ui

from moe_kb.analysis import run_metrics
from moe_kb.analysis.run_budget import BUDGET
from moe_kb.format import compact
from moe_kb.lab import Entry, Lab, LabError, Preflight, browsing, dense_control, flat_settings

from . import settings
from .comparison import MOST, settings_table, verdict
from .set_up import refused, setting
from .settings import Settings
from .shared import complain, duration, offered

COMPARED = "compare"
"""Parameter of the address with the designs."""
DENSE = "Dense control"


@dataclass(frozen=True, slots=True)
class Planned:
    """One run that would be launched for each seed."""

    name: str
    key: str
    config: Mapping[str, object]
    checked: Preflight


def several(lab: Lab) -> None:
    """Choose designs and a budget, see whether that is fair, and launch all."""
    kb, entries = ui.knowledge_base(), offered(lab)
    if not entries:
        return
    chosen = designs(lab, entries)
    if not chosen:
        ui.empty("No design is chosen.", "Choose two or more above.")
        return
    keys = [entry.key for entry in chosen]
    with st.container(horizontal=True, gap="medium"):
        first = next(iter(settings.protocols(kb, keys)), "")
        preset = settings.preset_asked(kb, keys, default=first)
        shared = [task for task in chosen[0].tasks if all(task in entry.tasks for entry in chosen)]
        task = ui.segmented("Task", settings.TASK, shared) if shared and not preset else None
        dense = st.toggle(
            DENSE,
            **ui.in_address("dense", True),
            help="A dense model with as many active parameters as the first design, under the same budget",
        )
        seeds = ui.segmented("Seeds", "seeds", {"1": "1", "2": "2", "3": "3"})
    if not preset and not shared:
        st.warning("These designs have no task in common.", icon=":material/balance:")
    asked = {entry.key: settings.settings_of(kb, entry, preset=preset, task=task) for entry in chosen}
    budget(chosen[0], asked)
    plan = [planned(lab, entry, asked[entry.key]) for entry in chosen]
    if dense and (control := control_of(lab, entries, chosen[0], asked[chosen[0].key])):
        plan.append(control)
    told(lab, plan, asked)
    ready = all(run.checked.ok for run in plan)
    number = len(plan) * int(seeds)
    seconds = int(seeds) * sum(run.checked.estimate.seconds for run in plan if run.checked.estimate)
    if number > MOST:
        st.warning(f"At most {MOST} runs are launched together: take fewer seeds or designs.", icon=":material/help:")
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            f"Launch all {number}" if number > 1 else "Launch",
            type="primary",
            icon=":material/play_arrow:",
            disabled=not ready or number > MOST,
            key="launch-all",
        ):
            launch_all(lab, plan, int(seeds))
        st.caption(f"One after the other, about {duration(seconds)} in all. Their curves stand beside each other then.")


def designs(lab: Lab, entries: Mapping[str, Entry]) -> list[Entry]:
    """The designs that the address names, by their implementation or by themselves, and a widget to change them."""
    by_design: dict[str, str] = {}
    for entry in entries.values():
        for design in entry.designs[:1]:
            by_design.setdefault(design, entry.key)
    named = ui.unlisted(ui.parameter(COMPARED))
    found = [lab.current_key(name) if lab.current_key(name) in entries else by_design.get(name, name) for name in named]
    if unknown := [name for name in found if name not in entries]:
        st.warning(f"There is no implementation {ui.some(unknown)}.", icon=":material/help:")
    st.session_state["lab-compared"] = list(dict.fromkeys(name for name in found if name in entries))[: ui.MOST]
    ordered = [entry.key for members in browsing.search(entries.values()).values() for entry in members]
    keys = st.multiselect(
        "Designs under one budget",
        ordered,
        format_func=lambda key: browsing.choice_label(entries[key]),
        key="lab-compared",
        on_change=choose_several,
        max_selections=ui.MOST,
        placeholder="choose two or more",
    )
    return [entries[key] for key in keys]


def choose_several() -> None:
    """Put the designs chosen into the address."""
    st.query_params["view"] = "compare"
    st.query_params[COMPARED] = ui.listed(st.session_state["lab-compared"])


def budget(entry: Entry, asked: Mapping[str, Settings]) -> None:
    """Inputs of the settings that all must share."""
    shared = [
        field
        for name in (*BUDGET, "seed")
        for field in asked[entry.key].fields
        if field.short == name and all(name in {f.short for f in each.fields} for each in asked.values())
    ]
    if not shared:
        return
    with st.container(border=True), st.grid(5, min_column_width=150):
        for field in shared:
            setting("all", field, asked[entry.key].values[field.name], ())


def planned(lab: Lab, entry: Entry, own: Settings) -> Planned:
    """A design's run."""
    return Planned(entry.name, entry.key, own.config, lab.preflight(entry.key, own.config))


def control_of(lab: Lab, entries: Mapping[str, Entry], entry: Entry, own: Settings) -> Planned | None:
    """The dense run beside a design's, where the design's settings are right and its package offers one."""
    if lab.invalid_settings(entry.key, own.config):
        return None
    offered = dense_control(entry, entry.config_class.model_validate(own.config))
    if offered is None or offered[0] not in entries:
        return None
    return Planned(DENSE, offered[0], offered[1], lab.preflight(*offered))


def told(lab: Lab, plan: Sequence[Planned], asked: Mapping[str, Settings]) -> None:
    """Whether the set-ups are alike, their sizes, where they differ, and what is wrong with them."""
    sized = {run.name: run.checked.estimate for run in plan if run.checked.estimate}
    if len(sized) > 1:
        verdict(
            {name: estimate.params_active for name, estimate in sized.items()},
            [run.checked.config for run in plan if run.checked.config],
        )
    for number, run in enumerate(plan):
        fields = asked[run.key].fields if run.key in asked else ()
        for finding in run.checked.findings:
            if finding.settings:
                st.markdown(f"**{ui.plain(run.name)}**")
                refused(finding, fields, number)
            else:
                st.warning(ui.plain(f"{run.name}: {finding.message}. {finding.fix}."))
    ui.value_table(
        [
            {
                "design": run.name,
                "active": estimate.params_active,
                "total": estimate.params_total,
                "time": duration(estimate.seconds),
                "memory": f"{estimate.memory_bytes / 1024**3:.2f} GiB",
            }
            for run in plan
            if (estimate := run.checked.estimate)
        ],
        {
            "design": "Design",
            "active": ui.Column("Active parameters", "number", help="With embeddings"),
            "total": ui.Column("Parameters", "number", digits=compact),
            "time": "Time, about",
            "memory": "Memory, about",
        },
        key="planned",
        alt="Size and cost of each set-up",
    )
    configs = {run.name: run.checked.config for run in plan if run.checked.config}
    if differing := run_metrics.differing_settings(configs):
        with st.expander(f"Settings that differ ({len(differing)})", icon=":material/difference:"):
            settings_table(differing, key="planned-differing")
    with st.container(horizontal=True):
        for key in asked:
            name = next(run.name for run in plan if run.key == key)
            kept = {name: st.query_params.get_all(name) for name in (settings.CHANGED, settings.PRESET)}
            query = {"implementation": key, **{name: values for name, values in kept.items() if values}}
            st.markdown(f"[Set up {ui.plain(name)}]({ui.address('lab', query)})")


def launch_all(lab: Lab, plan: Sequence[Planned], seeds: int) -> None:
    """Queue every run for every seed, and go to where they are compared."""
    launched = []
    try:
        for extra in range(seeds):
            for run in plan:
                config = dict(run.checked.config or {})
                seed = config.get("seed")
                if isinstance(seed, int):
                    config["seed"] = seed + extra
                steps = flat_settings(config).get("steps")
                name = f"{DENSE} · {steps} steps · seed {config.get('seed')}" if run.name == DENSE else None
                launched.append(lab.launch(run.key, config, name=name).id)
    except LabError as error:
        complain(error)
        if not launched:
            return
    st.query_params.pop(COMPARED, None)
    st.query_params["view"] = "runs"
    st.query_params["tick"] = ui.listed(launched)
    st.rerun()


def compare_link(key: str) -> None:
    """The way from one design's set-up to several."""
    st.page_link(
        ui.page("lab"),
        label="Compare with other designs under one budget",
        icon=":material/balance:",
        query_params={COMPARED: key},
    )
