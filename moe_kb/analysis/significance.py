"""What paired differences over a few seeds can show: Student's t test, and Holm's correction for many comparisons."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from statistics import mean, stdev
from typing import TypeVar

ERRORS = 2.0  # standard errors that a difference must exceed to be one
LEVEL = 0.05  # p below which a comparison passes

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean difference over seeds, with its standard error."""

    mean: float
    error: float | None
    """None with a single seed: nothing can be said of its spread."""
    seeds: int

    @property
    def is_tie(self) -> bool:
        """Whether it is below two standard errors, or has none."""
        return self.error is None or abs(self.mean) <= ERRORS * self.error

    @property
    def p(self) -> float | None:
        """Two-sided p of a paired t test; None with a single seed."""
        if self.error is None:
            return None
        if self.error == 0:
            return 1.0 if self.mean == 0 else 0.0
        return two_sided(self.mean / self.error, self.seeds - 1)


def paired(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Difference | None:
    """The difference of two designs over the seeds that both have; none without a common seed."""
    differences = [ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())]
    return Difference(mean(differences), standard_error(differences), len(differences)) if differences else None


def standard_error(values: list[float]) -> float | None:
    """Standard error of a mean; None of a single value."""
    return stdev(values) / len(values) ** 0.5 if len(values) > 1 else None


def two_sided(t: float, degrees: int) -> float:
    """Chance that Student's t lies at least as far from zero, from the finite series for whole degrees of freedom.

    >>> round(two_sided(4.302653, 2), 4), round(two_sided(1.959964, 100_000), 4)
    (0.05, 0.05)
    """
    angle = math.atan(abs(t) / math.sqrt(degrees))
    cosine, odd = math.cos(angle), degrees % 2
    term = cosine if odd else 1.0
    total = term if degrees > 1 else 0.0
    for step in range(2 + odd, degrees - 1, 2):
        term *= cosine**2 * (step - 1) / step
        total += term
    inside = 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total
    return max(0.0, 1.0 - inside)


def critical(degrees: int) -> float:
    """Standard errors that a difference must exceed for a two-sided p below 5 %.

    >>> round(critical(2), 2), round(critical(9), 2)
    (4.3, 2.26)
    """
    low, high = 0.0, 1e3
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if two_sided(middle, degrees) > LEVEL else (low, middle)
    return high


def holm(chances: Mapping[Name, float]) -> dict[Name, float]:
    """p of each comparison, corrected by Holm's method for there being so many.

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'c': 0.06, 'b': 0.06}
    """
    corrected: dict[Name, float] = {}
    least = 0.0
    for position, name in enumerate(sorted(chances, key=chances.__getitem__)):
        least = max(least, min(1.0, (len(chances) - position) * chances[name]))
        corrected[name] = least
    return corrected
