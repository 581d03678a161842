"""The settings of a run: a preset, and what the address changes of it (`?preset=text-1&set=steps:60&set=seed:1`).

What is set in the address holds for every design that has such a setting, so that another design, or several, can run
under the same budget.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
import ui

from moe_kb.kb import KnowledgeBase
from moe_kb.lab import (
    Entry,
    FormField,
    browsing,
    changes_from_texts,
    config_from_form,
    flat_settings,
    form_fields,
    form_from_config,
    to_text,
    with_defaults,
)
from moe_kb.queries.results import Protocol

#: Parameters of the address.
CHANGED, PRESET, TASK = "set", "preset", "task"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one design's run."""

    fields: Sequence[FormField]
    """Every input but the task's, each with the default that the preset and the task give it."""
    values: Mapping[str, Any]
    """The value of every field, the task's among them, by name."""
    changed: frozenset[str]
    """Names of the fields that are not at their defaults."""
    task: FormField | None
    """The field of the task, where there is a choice of it."""
    own: Mapping[str, Any]
    """What the design itself has on this task, by field name."""

    @property
    def config(self) -> dict[str, Any]:
        """What a launch takes."""
        return config_from_form([*self._task, *self.fields], self.values)

    @property
    def brief(self) -> dict[str, Any]:
        """The same without what the design itself has on this task."""
        other = [field for field in self.fields if self.values[field.name] != self.own[field.name]]
        return config_from_form([*self._task, *other], self.values)

    @property
    def _task(self) -> list[FormField]:
        return [self.task] if self.task else []


# --- what the address changes ------------------------------------------------------------------------------------


def texts() -> dict[str, str]:
    """What the address sets, by the short name of a field."""
    ui.reads(CHANGED)
    pairs = (pair.partition(":") for pair in st.query_params.get_all(CHANGED))
    return {name: text for name, colon, text in pairs if colon}


def change(changes: Mapping[str, str | None]) -> None:
    """Put changes by short name into the address; None takes one out of it."""
    kept = {name: text for name, text in (texts() | dict(changes)).items() if text is not None}
    if kept:
        st.query_params[CHANGED] = [f"{name}:{text}" for name, text in kept.items()]
    else:
        st.query_params.pop(CHANGED, None)


def forget() -> None:
    """Back to the preset's settings."""
    st.query_params.pop(CHANGED, None)


def difference(fields: Iterable[FormField], values: Mapping[str, Any]) -> dict[str, str | None]:
    """The changes that lead from the fields' defaults to values, as the address has them."""
    return {
        field.short: to_text(values[field.name])
        for field in fields
        if field.name in values and values[field.name] != field.default
    }


# --- presets -----------------------------------------------------------------------------------------------------


def protocols(kb: KnowledgeBase, keys: Sequence[str]) -> dict[str, Protocol]:
    """Protocols of the committed comparisons under which any of these implementations was run."""
    known = ui.cached(KnowledgeBase.protocols, kb)
    return {held.protocol: held for held in known if not committed(kb, held.protocol).keys().isdisjoint(keys)}


def committed(kb: KnowledgeBase, protocol: str) -> dict[str, dict[str, Any]]:
    """The settings of a protocol's runs by implementation."""
    return {run.implementation: json.loads(run.config) for run in ui.cached(KnowledgeBase.result_runs, kb, protocol)}


def preset_config(kb: KnowledgeBase, protocol: str, key: str) -> dict[str, Any]:
    """The settings with which an implementation was run under a protocol, or else those that all its runs share."""
    runs = committed(kb, protocol)
    if key in runs:
        return runs[key]
    first, *others = runs.values()
    return {name: value for name, value in first.items() if all(name in run and run[name] == value for run in others)}


def preset_asked(kb: KnowledgeBase, keys: Sequence[str], *, default: str = "") -> str:
    """A widget for the settings to begin with: a protocol's name, or nothing for each design's own defaults."""
    offered = {name: f"Evidence protocol {name}" for name in protocols(kb, keys)}
    if not offered:
        return ""
    about = (
        "The settings of a comparison on the Evidence page: one budget for all, and experts as wide as gives every "
        "design as many active parameters as a dense model"
    )
    options = {"": "Defaults of the design" if len(keys) == 1 else "Defaults of each design", **offered}
    return str(ui.segmented("Start from", PRESET, options, default, help=about))


# --- the settings ------------------------------------------------------------------------------------------------


def settings_of(kb: KnowledgeBase, entry: Entry, *, preset: str = "", task: str | None = None) -> Settings:
    """The settings that preset, task and address give a design.

    Args:
        kb: The knowledge base, which holds the protocols.
        entry: The design.
        preset: A protocol's name, or nothing.
        task: What is learnt, where the preset does not say so; by default the design's first.
    """
    known = form_fields(entry.config_class)
    chooser = browsing.task_field(known)
    base = preset_config(kb, preset, entry.key) if preset else {}
    values: dict[str, Any] = {}
    if chooser:
        wanted = flat_settings(base).get("task") or task
        values[chooser.name] = wanted if wanted in chooser.choices else chooser.default
    fields = form_fields(entry.config_class, config_from_form([chooser] if chooser else [], values))
    fields = tuple(field for field in fields if chooser is None or field.name != chooser.name)
    own = {field.name: field.default for field in fields}
    fields = with_defaults(fields, form_from_config(fields, base))
    changes = changes_from_texts(fields, texts())
    values |= {field.name: field.default for field in fields} | changes
    return Settings(fields, values, frozenset(changes), chooser, own)
