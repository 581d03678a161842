"""What this package can run: the `ENTRIES` of every module of `configs`. Importing it does not import torch."""

import difflib
import pkgutil
from functools import cache
from importlib import import_module
from typing import get_args

from reference_impls import configs
from reference_impls.entry import Entry, Family


@cache
def entries() -> tuple[Entry, ...]:
    """Everything that can be run, family by family, the oldest design first."""
    families = get_args(Family)
    modules = (import_module(f"{configs.__name__}.{found.name}") for found in pkgutil.iter_modules(configs.__path__))
    found = [entry for module in modules for entry in getattr(module, "ENTRIES", ())]
    return tuple(sorted(found, key=lambda entry: (families.index(entry.family), entry.year, entry.key)))


def find(key: str) -> Entry | None:
    """The entry of this key."""
    return next((entry for entry in entries() if entry.key == key), None)


def nearest(key: str) -> list[str]:
    """Keys that look like this one, the nearest first."""
    return difflib.get_close_matches(key, [entry.key for entry in entries()], n=3)
