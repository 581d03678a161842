"""The formulas behind a size, from `formulas.yaml`: what is counted, what is left out, and what the symbols mean."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from moe_kb import yamlio


@dataclass(frozen=True, slots=True)
class Formula:
    """How one quantity is computed."""

    title: str
    lines: tuple[tuple[str, str], ...]
    """What a line is of, and its LaTeX."""
    symbols: str
    """Meaning of the symbols, as Markdown with formulas."""
    counted: str
    left_out: str


@cache
def formulas() -> dict[str, Formula]:
    """Every formula by its title, in reading order."""
    entries = yamlio.parse(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return {
        entry["title"]: Formula(**entry | {"lines": tuple((line["of"], line["latex"]) for line in entry["lines"])})
        for entry in entries
    }
