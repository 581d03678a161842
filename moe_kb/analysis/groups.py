"""Groups of marks: the most frequent names, the others, and what nobody states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from moe_kb.fields import NOT_REPORTED

T = TypeVar("T")

#: Names that have a colour of their own.
SHOWN_GROUPS = 6
OTHERS = "other"


def most_frequent(items: Sequence[T], names: Sequence[str | None]) -> dict[str, list[T]]:
    """Items by name: the most frequent names first, then the others, then those without one."""
    counted = Counter(name for name in names if name is not None)
    kept = [name for name, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:SHOWN_GROUPS]]
    groups: dict[str, list[T]] = {name: [] for name in (*kept, OTHERS, NOT_REPORTED)}
    for item, name in zip(items, names, strict=True):
        groups[NOT_REPORTED if name is None else name if name in kept else OTHERS].append(item)
    return {name: members for name, members in groups.items() if members}
