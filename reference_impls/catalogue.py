"""What this package can run: the folders of `designs`. Importing it does not import torch."""

import difflib
from functools import cache
from typing import get_args

from reference_impls.entry import DESIGNS, Entry, Family


@cache
def entries() -> tuple[Entry, ...]:
    """Everything that can be run, family by family, the oldest design first.

    Raises:
        PageError: if the front matter of a page breaks the rules.
    """
    families = get_args(Family)
    read = [Entry.read(page.parent) for page in DESIGNS.glob("*/README.md")]
    return tuple(sorted(read, key=lambda entry: (families.index(entry.family), entry.year, entry.key)))


@cache
def _by_name() -> dict[str, Entry]:
    return {name: entry for entry in entries() for name in (*entry.aliases, entry.key)}


def find(key: str) -> Entry | None:
    """The entry of this key, or of this earlier key (`Entry.aliases`)."""
    return _by_name().get(key)


def nearest(key: str) -> list[str]:
    """Keys that look like this one, or of designs an earlier key of which does, the nearest first."""
    names = difflib.get_close_matches(key, list(_by_name()), n=3)
    return list(dict.fromkeys(_by_name()[name].key for name in names))
