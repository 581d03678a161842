"""The checks before a launch: is the configuration right, and can this machine run it?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ValidationError

from .errors import Finding
from .form import FormField, config_from_form, flat_settings, form_fields, form_from_config
from .hardware import Hardware
from .protocol import Entry
from .store import RunEstimate

GIB = 1024**3
MEMORY_SHARE = 0.9
"""Share of the memory that a run may take; the rest is for the system and for what the estimate missed."""
DISK_NEEDED = GIB // 4
DISK_WANTED = 2 * GIB
MAX_CONFIG = 64 * 1024
MAX_QUEUED = 50
MOST_CHOICES = 4
"""Right values of a choice that are offered."""
NEAR = 128
"""How far from a wrong whole number the nearest right one is looked for."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What a launch would find, apart from the configuration."""

    hardware: Hardware
    disk_free: int
    """Bytes free where the runs live."""
    running: int
    queued: int
    max_seconds: float


@dataclass(frozen=True, slots=True)
class Preflight:
    """The findings, and what a launch needs when there is no error among them."""

    implementation: str
    findings: tuple[Finding, ...]
    config: dict[str, Any] | None
    """The validated configuration with every default filled in; None when it is not valid."""
    estimate: RunEstimate | None

    @property
    def ok(self) -> bool:
        """Whether nothing stands against a launch."""
        return not any(finding.severity == "error" for finding in self.findings)


def preflight(entry: Entry, config: Mapping[str, Any] | BaseModel, situation: Situation) -> Preflight:
    """Check a configuration and the machine; every finding at once, none raised."""
    given = config.model_dump() if isinstance(config, BaseModel) else dict(config)
    model, findings = _validated(entry, given)
    dumped: dict[str, Any] | None = None
    estimate = None
    if model is not None:
        dumped, more = _dumped(model)
        findings += more
        estimate, more = _estimated(entry, model)
        findings += more
    findings += _machine(situation)
    if estimate is not None:
        findings += _fits(estimate, situation)
    return Preflight(entry.key, tuple(findings), dumped, estimate)


def invalid_settings(entry: Entry, config: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Return what is wrong with a configuration by itself, without an estimate and without a look at the machine."""
    return tuple(_validated(entry, dict(config))[1])


def _validated(entry: Entry, given: dict[str, Any]) -> tuple[BaseModel | None, list[Finding]]:
    try:
        # extra="forbid" whatever the class says: a misspelt setting must not silently do nothing.
        return entry.config_class.model_validate(given, extra="forbid"), []
    except ValidationError as error:
        fields = form_fields(entry.config_class)
        found = [_invalid(detail, fields) for detail in error.errors(include_url=False)]
        return None, [replace(finding, repairs=_repairs(entry, given, finding, fields)) for finding in found]
    except Exception as error:  # a validator of the implementation: not our code
        text = f"the configuration cannot be checked ({type(error).__name__}: {str(error)[:300]})"
        return None, [Finding("error", "config", "config-check-fails", text, "Report it to its authors")]


def _invalid(detail: Any, fields: Sequence[FormField]) -> Finding:
    known = {name: field for field in fields for name in (field.name, field.short)}
    name = ".".join(str(part) for part in detail["loc"])
    place = f"config.{name}" if name else "config"
    if detail["type"] in ("extra_forbidden", "invalid_key"):
        names = ", ".join(field.short for field in fields)
        return Finding("error", place, "unknown-field", "there is no such setting", f"Choose among: {names}")
    if detail["type"] == "missing":
        message, fix = "the setting is required", "Give a value"
    elif not name or detail["type"] == "value_error":  # a check across settings, which names them itself
        message, fix = str(detail["msg"]).removeprefix("Value error, "), "Change the settings it names"
    else:
        message, fix = f"{detail['msg']}, got {repr(detail['input'])[:80]}", "Change the settings it names"
    if name in known:
        fix = f"Give {known[name].allowed()}"
        about = {known[name].name}
    else:
        # `n_experts = 15 must be a multiple of n_groups = 4`; a message without such pairs may name them alone.
        named = re.findall(r"([A-Za-z_]\w*) = ", message) or re.findall(r"[A-Za-z_]\w*", message)
        about = {known[word].name for word in named if word in known}
    settings = tuple(field.name for field in fields if field.name in about)
    return Finding("error", place, str(detail["type"]).replace("_", "-"), message, fix, settings)


def _repairs(
    entry: Entry, given: Mapping[str, Any], finding: Finding, fields: Sequence[FormField]
) -> dict[str, tuple[Any, ...]]:
    """Find, for each setting that a finding is about, the nearest values that make it right.

    Where something else is wrong, too, values with which this finding goes away.
    """
    if not finding.settings:
        return {}
    named = {name: value for name, value in given.items() if isinstance(name, str)}  # whatever else it may hold
    values, flat = form_from_config(fields, named), flat_settings(named)
    numbers = [int(number) for number in re.findall(r"\d{1,9}", finding.message)]

    def wrong(field: FormField, value: Any) -> list[Finding] | None:
        """What is found with another value; None where it cannot be known."""
        config = config_from_form(fields, {**values, field.name: value})
        try:
            entry.config_class.model_validate(config, extra="forbid")
        except ValidationError as error:
            return [_invalid(detail, fields) for detail in error.errors(include_url=False)]
        except Exception:  # a validator of the implementation: not our code
            return None
        return []

    def candidates(field: FormField) -> tuple[Iterable[Any], ...]:
        value = flat.get(field.short, field.default)
        if field.kind in ("choice", "bool"):
            return tuple([choice] for choice in field.choices or (True, False) if choice != value)[:MOST_CHOICES]
        if field.kind != "int" or not isinstance(value, int):
            return ()
        below = {*range(value - 1, value - NEAR, -1), *(number for number in numbers if number < value)}
        above = {*range(value + 1, value + NEAR), *(number for number in numbers if number > value)}
        return sorted(below, reverse=True), sorted(above)

    repairs: dict[bool, dict[str, tuple[Any, ...]]] = {True: {}, False: {}}
    for field in fields:
        if field.name not in finding.settings:
            continue
        best: dict[bool, list[Any]] = {True: [], False: []}
        for side in candidates(field):
            found = {value: wrong(field, value) for value in side if field.takes(value)}
            known = {value: others for value, others in found.items() if others is not None}
            best[True] += [value for value, others in known.items() if not others][:1]
            best[False] += [
                value for value, others in known.items() if all(o.settings != finding.settings for o in others)
            ][:1]
        for whole, nearest in best.items():
            if nearest:
                repairs[whole][field.name] = tuple(nearest)
    return repairs[True] or repairs[False]


def _dumped(model: BaseModel) -> tuple[dict[str, Any] | None, list[Finding]]:
    """Return the configuration as plain JSON values, as the implementation will read it."""
    try:
        dumped = model.model_dump(mode="json")
        size = len(json.dumps(dumped, allow_nan=False))
    except ValueError as error:
        text = f"the configuration cannot be written as JSON ({error})"
        return None, [Finding("error", "config", "not-json", text, "Give finite numbers and plain values")]
    if size > MAX_CONFIG:
        text = f"the configuration takes {size} bytes, and {MAX_CONFIG} are allowed"
        return None, [Finding("error", "config", "config-too-large", text, "Give shorter texts or lists")]
    return dumped, []


def _estimated(entry: Entry, model: BaseModel) -> tuple[RunEstimate | None, list[Finding]]:
    try:
        cost = entry.estimate(model)
        return RunEstimate(
            int(cost.memory_bytes), float(cost.seconds), int(cost.params_total), int(cost.params_active)
        ), []
    except Exception as error:  # the implementation's code, not ours
        text = f"the implementation cannot estimate it ({type(error).__name__}: {str(error)[:300]})"
        fix = "Change the configuration, or report it to the implementation's authors"
        return None, [Finding("error", "estimate", "estimate-fails", text, fix)]


def _machine(situation: Situation) -> Iterator[Finding]:
    if situation.hardware.torch is None:
        text = "PyTorch is not installed in this Python environment"
        yield Finding("error", "torch", "torch-missing", text, "Install it: pip install torch")
    free = situation.disk_free
    if free < DISK_WANTED:
        severe = free < DISK_NEEDED
        text = f"{_gib(free)} are free where the runs are kept"
        fix = "Delete old runs, or set MOE_KB_LAB to a folder on another disk"
        yield Finding("error" if severe else "warning", "disk", "disk-space", text, fix)
    if situation.queued >= MAX_QUEUED:
        text = f"{situation.queued} runs are queued already"
        yield Finding("error", "queue", "queue-full", text, "Wait, or cancel some of them")


def _fits(estimate: RunEstimate, situation: Situation) -> Iterator[Finding]:
    hardware = situation.hardware
    need = estimate.memory_bytes
    fix = "Make the model, the batch or the sequence smaller"
    if need > MEMORY_SHARE * hardware.memory_total:
        text = f"the run needs about {_gib(need)}, and this machine has {_gib(hardware.memory_total)}"
        yield Finding("error", "memory", "memory-total", text, fix)
    elif need > MEMORY_SHARE * hardware.memory_available:
        # Memory that a run under way holds will be free when this one's turn comes.
        waits = situation.running > 0
        text = f"the run needs about {_gib(need)}, and {_gib(hardware.memory_available)} are available now"
        fix += ", or close other programs" if not waits else ", or wait for the run under way"
        yield Finding("warning" if waits else "error", "memory", "memory-available", text, fix)
    if estimate.seconds > situation.max_seconds:
        limit = situation.max_seconds
        text = f"it may take about {estimate.seconds:.0f} s, and it will be ended after {limit:.0f} s"
        yield Finding("warning", "time", "time-limit", text, "Take fewer steps, or allow more time")


def _gib(count: int) -> str:
    return f"{count / GIB:.2f} GiB"
