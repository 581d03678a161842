"""What runs report, in words: names and units of metrics, names of settings, the settings in which runs differ."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moe_kb.lab import FormField, Run, RunCurves

#: Name and unit of what runs report. A metric that is not here is shown under its own name; what it means stands on
#: the implementation's page.
METRICS = {
    "loss": "Loss (nats)",
    "cross_entropy": "Cross-entropy (nats)",
    "bits_per_byte": "Bits per byte",
    "accuracy": "Accuracy (percent)",
    "squared_error": "Squared error",
    "accuracy_dense": "Accuracy of the dense baseline (percent)",
    "information": "Expert-domain mutual information (percent of the most possible)",
    "dropped_fraction": "Dropped assignments (percent)",
    "tokens_per_second": "Tokens per second",
    "load_cv": "Spread of load (coefficient of variation)",
    "max_violation": "Largest load over the mean, minus 1",
    "router_entropy": "Router entropy (nats)",
    "experts_per_token": "Experts per token",
    "aux_load_balance": "Balancing loss, unweighted",
    "aux_router_z": "Router z-loss, unweighted",
}
#: For legends and headings of columns, where the full name has no room.
_SHORT = {"information": "Mutual information (percent)"}
#: What the page of a run shows, in order; the rest is behind a choice.
MAIN = ("bits_per_byte", "accuracy", "squared_error", "load_cv", "information", "dropped_fraction")
#: The headline metric of a run; a run has one of them.
HEADLINES = ("bits_per_byte", "accuracy", "squared_error")
_PERCENT = frozenset({"accuracy", "accuracy_dense", "information", "dropped_fraction"})


def setting_label(field: FormField) -> str:
    """What an input is called: `n_layers` is Layers, `d_model` Model width; the unit where the name lacks it."""
    label = _in_words(field.label)
    return f"{label} ({field.unit})" if field.unit and field.unit not in label.lower() else label


def setting_name(name: str) -> str:
    """The same of a setting of which no more than its name is known."""
    words = name.rpartition(".")[2].replace("_", " ")
    return _in_words(words[:1].upper() + words[1:])


def _in_words(label: str) -> str:
    if label[:2] in ("N ", "D "):
        label = label[2:].capitalize() + (" width" if label[0] == "D" else "")
    return label.replace("Moe ", "MoE ")


def in_labels(text: str, fields: Iterable[FormField]) -> str:
    """A message about settings with the names of the form's inputs: `n_experts = 15` becomes `Experts = 15`."""
    labels = {field.short: setting_label(field) for field in fields}
    return re.sub(r"[A-Za-z_]\w*(?= = )", lambda name: labels.get(name[0], name[0]), text)


def changes(differing: Mapping[str, tuple[Any, Any]]) -> str:
    """Settings in which one run differs from others: `steps 60 (there 300), batch size 4 (there 8)`."""
    return ", ".join(
        f"{setting_name(name).lower()} {'–' if own is None else own} (there {there})"
        for name, (own, there) in differing.items()
    )


def metric_label(name: str, *, short: bool = False) -> str:
    """What a metric is called, with its unit; `short` where there is little room."""
    if short and name in _SHORT:
        return _SHORT[name]
    if name in METRICS:
        return METRICS[name]
    if name.startswith("aux_"):
        return f"{name[4:].replace('_', ' ').capitalize()} loss, unweighted"
    return name.replace("_", " ").capitalize()


def is_share(name: str) -> bool:
    """Whether a metric is a fraction, which is shown in percent."""
    return name in _PERCENT


def headline_of(curves: RunCurves) -> str | None:
    """The headline metric of a run; None while it has reported nothing, since that depends on its task."""
    return next((name for name in HEADLINES if name in curves.train or name in curves.valid), None)


def metric_text(name: str, value: float | None) -> str:
    """A value of a metric as it is shown."""
    if value is None:
        return "–"
    return f"{100 * value:.1f}%" if is_share(name) else f"{value:.3f}"


def metrics_of(curves: RunCurves) -> list[str]:
    """The metrics a run has reported: known ones in their order, then others."""
    found = set(curves.train) | set(curves.valid)
    return [name for name in METRICS if name in found] + sorted(found - set(METRICS))


def main_metrics(curves: RunCurves) -> list[str]:
    """The metrics that the page of a run shows: those of `MAIN`, without drops where nothing was dropped."""

    def says_something(name: str) -> bool:
        if name != "dropped_fraction":
            return True
        return any(any(split[name].values) for split in (curves.train, curves.valid) if name in split)

    present = metrics_of(curves)
    return [name for name in MAIN if name in present and says_something(name)]


def run_labels(runs: Iterable[Run], names: Mapping[str, str]) -> dict[str, str]:
    """What runs are called, by id: the name that a person gave, or design, steps and seed. Two alike get their ids.

    Args:
        runs: The runs.
        names: The name of each implementation.
    """
    from moe_kb.lab import flat_settings

    labels = {}
    for run in runs:
        settings = flat_settings(run.config)
        steps, seed = settings.get("steps"), settings.get("seed")
        parts = [names.get(run.implementation, run.implementation)]
        parts += [f"{steps:,} steps"] if isinstance(steps, int) else []
        parts += [f"seed {seed}"] if seed is not None else []
        labels[run.id] = run.name or " · ".join(parts)
    shared = Counter(labels.values())
    return {key: label if shared[label] == 1 else f"{label} · {key}" for key, label in labels.items()}


def differing_settings(configs: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """The settings in which configurations, by name, differ, one row a setting, whose name stands under ""."""
    from moe_kb.lab import flat_settings

    settings = {name: flat_settings(config) for name, config in configs.items()}
    names = list(dict.fromkeys(name for values in settings.values() for name in values))
    rows = []
    for name in names:
        found = [values.get(name) for values in settings.values()]
        if any(value != found[0] for value in found):
            shown = ("" if value is None else str(value) for value in found)
            rows.append({"": setting_name(name)} | dict(zip(settings, shown, strict=True)))
    return rows
