"""The record types: what a file of the knowledge base may say.

The types are made when one is first asked for: making all of them takes half a second, and most commands need none.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moe_kb.records.all import *  # noqa: F403  what there is stands in `all`


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    from importlib import import_module

    return getattr(import_module("moe_kb.records.all"), name)
