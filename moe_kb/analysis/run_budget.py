"""Whether runs can be compared: under one budget, of equal active size, and with a protocol's committed results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from moe_kb.format import compact
from moe_kb.lab.form import flat_settings

#: Settings that change neither what is learnt nor what is measured at the end, but for its last digits.
HOUSEKEEPING = frozenset({"seed", "threads", "save_checkpoint", "validation_every"})
#: What runs must share to have been trained alike.
BUDGET = ("task", "steps", "batch_size", "sequence_length", "learning_rate")
TOLERANCE = 0.03
"""Share by which active parameters may differ and still count as equal; that of the committed comparisons."""


def departures(config: Mapping[str, Any], protocol: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Where a run's settings are not those of a protocol's runs: by setting, its value and theirs.

    A setting that the protocol's file does not know, since it is newer, is none.
    """
    own, theirs = flat_settings(config), flat_settings(protocol)
    return {
        name: (own[name], value)
        for name, value in theirs.items()
        if name in own and name not in HOUSEKEEPING and own[name] != value
    }


def budgets_differ(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The settings of the budget in which configurations differ, with each value once."""
    flat = [flat_settings(config) for config in configs]
    values = {name: list(dict.fromkeys(settings.get(name) for settings in flat)) for name in BUDGET}
    return {name: found for name, found in values.items() if len(found) > 1}


def like_with_like(active: Mapping[str, int]) -> tuple[bool, str]:
    """Whether models have as many active parameters, and the sentence that says so.

    Args:
        active: Active parameters, embeddings included, by the name of the model; two or more.
    """
    least, most = min(active.values()), max(active.values())
    equal = most - least <= TOLERANCE * least
    several = len(set(active.values())) > 1
    numbers = f"{compact(least)} to {compact(most)}" if several else compact(least)
    if equal:
        return True, f"Active parameters {numbers}: like with like."
    small, large = (min(active, key=lambda name: active[name]), max(active, key=lambda name: active[name]))
    return False, (
        f"Active parameters {numbers}: not like with like. {large} has {most / least:.2f} times as many as {small}."
        if least
        else f"Active parameters {numbers}: not like with like."
    )
