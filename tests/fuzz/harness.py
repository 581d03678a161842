"""Fuzzing: inputs from a seed, one after the other; what is neither an answer nor a clear refusal is a failure.

A fuzzer is a function that prepares what its inputs need in a folder and yields an attempt. An attempt makes one input
from a random generator, tries it, and returns a word for what became of it (`accepted`, `refused`). It raises whatever
went wrong. Each input has a generator of its own, so a failure is seen again by its number alone.
"""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

Attempt = Callable[[Random], str]
Fuzzer = Callable[[Path], AbstractContextManager[Attempt]]


@dataclass
class Figures:
    """What became of the inputs of one fuzzer."""

    inputs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    """Number of the input, and traceback."""
    seconds: float = 0.0
    slowest: float = 0.0
    """Seconds of the slowest input."""


def fuzz(fuzzer: Fuzzer, folder: Path, *, count: int, seed: int = 0, first: int = 0) -> Figures:
    """Try `count` inputs, beginning with number `first`."""
    figures = Figures()
    begun = time.perf_counter()
    with fuzzer(folder) as attempt:
        for number in range(first, first + count):
            started = time.perf_counter()
            try:
                figures.outcomes[attempt(Random(f"{seed} {number}"))] += 1
            except Exception:
                figures.failures.append(f"input {number} of seed {seed}\n{traceback.format_exc(limit=-12)}")
            figures.inputs += 1
            figures.slowest = max(figures.slowest, time.perf_counter() - started)
    figures.seconds = time.perf_counter() - begun
    return figures
