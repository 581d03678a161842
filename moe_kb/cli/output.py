"""How results are printed: tables that fit the terminal, CSV, JSON."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from collections.abc import Sequence
from typing import Any

import click


def print_json(data: Any) -> None:
    """Indented JSON; a dataclass is an object of its fields, and what JSON does not know becomes text."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False, default=plain))


def plain(value: Any) -> Any:
    """A dataclass as plain data, anything else as text."""
    from dataclasses import asdict, is_dataclass

    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def print_csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """CSV with a header."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Aligned columns; on a terminal the widest ones are cut to fit, in a pipe nothing is."""
    shown = [[_cell(value) for value in row] for row in rows]
    widths = [
        max(len(str(c)), *(len(row[i]) for row in shown)) if shown else len(str(c)) for i, c in enumerate(columns)
    ]
    if sys.stdout.isatty():
        room = shutil.get_terminal_size().columns - 2 * (len(widths) - 1)
        while sum(widths) > room and max(widths) > 12:
            widths[widths.index(max(widths))] -= 1
    right = [
        bool(rows) and all(isinstance(row[i], (int, float)) or row[i] is None for row in rows)
        for i in range(len(columns))
    ]

    def line(cells: Sequence[str]) -> str:
        parts = []
        for cell, width, to_right in zip(cells, widths, right, strict=True):
            cut = cell if len(cell) <= width else cell[: width - 1] + "…"
            parts.append(cut.rjust(width) if to_right else cut.ljust(width))
        return "  ".join(parts).rstrip()

    click.echo(line([str(c) for c in columns]))
    click.echo(line(["-" * width for width in widths]))
    for row in shown:
        click.echo(line(row))


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:g}"
    return " ".join(str(value).split())


def print_nested(data: dict[str, Any], indent: int = 0) -> None:
    """Nested counts; a list is shown as its length with its first members."""
    pad = "  " * indent
    for name, value in data.items():
        label = name.replace("_", " ")
        if isinstance(value, dict):
            click.echo(f"{pad}{label}")
            print_nested(value, indent + 1)
        elif isinstance(value, list):
            shown = ", ".join(str(item) for item in value[:4]) + (", …" if len(value) > 4 else "")
            click.echo(f"{pad}{label}: {len(value)}" + (f"  ({shown})" if value else ""))
        else:
            click.echo(f"{pad}{label}: {value:,}" if isinstance(value, int) else f"{pad}{label}: {value}")
