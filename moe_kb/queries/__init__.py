"""Questions to the database: SQL in, frozen dataclasses out; every function takes a `Reader` first.

A module is imported when something of it is first used, and none imports the record types before it needs one.
"""

# ruff: noqa: F401  what type checkers see of the modules below

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moe_kb.queries import (
        authors,
        citations,
        compare,
        console,
        designs,
        find,
        glossary,
        graph,
        guide,
        kin,
        lineage,
        measurements,
        models,
        news,
        overview,
        papers,
        record_page,
        records,
        resolve,
        results,
        routes,
        routing,
        scores,
        sizes,
        stats,
        systems,
        taxonomy,
        timeline,
        values,
    )


def __getattr__(name: str) -> ModuleType:
    if name.startswith("_"):
        raise AttributeError(name)
    return import_module(f"{__name__}.{name}")
