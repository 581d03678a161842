"""How results are printed: tables that fit the terminal, CSV, JSON; and what never reaches a terminal as it is."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from moe_kb.csv_text import csv_text, whole


def visible(text: str, code: Callable[[str], str] = lambda sign: sign.encode("unicode_escape").decode()) -> str:
    r"""Text that a terminal only shows: signs that would steer it, turn its order or hide are written as codes.

    Those are control characters (of both sets, but for tabs and line ends), bidirectional and zero-width marks, line
    separators, and what is no character.

    Args:
        text: Anything, hostile texts included.
        code: How such a sign is written; default: as Python would.

    >>> visible("a\x1b[2Jb"), visible("x\u202ey"), visible("é\t∑")
    ('a\\x1b[2Jb', 'x\\u202ey', 'é\t∑')
    """
    if text.translate(_LAYOUT).isprintable():
        return text
    return "".join(sign if sign.translate(_LAYOUT).isprintable() else code(sign) for sign in text)


#: Tabs, line ends and the spaces that are wider or narrower than usual lay text out, and do nothing else.
_LAYOUT = dict.fromkeys(map(ord, "\t\n\xa0\u2002\u2003\u2007\u2009\u200a\u202f\u3000"), " ")


class Screen(io.TextIOWrapper):
    """A standard stream on which everything is `visible`: the one place that cleans what goes to a terminal."""

    def write(self, text: str) -> int:
        """Write the text, cleaned."""
        super().write(visible(text))
        return len(text)


@contextmanager
def screens() -> Iterator[None]:
    """Standard output and standard error as screens; what they cannot encode is written as a code, too."""
    before = sys.stdout, sys.stderr
    put: list[Screen] = []
    try:
        for name, stream in zip(("stdout", "stderr"), before, strict=True):
            if isinstance(stream, io.TextIOWrapper):
                stream.flush()
                screen = Screen(
                    stream.buffer,
                    encoding=stream.encoding,
                    errors="backslashreplace",
                    line_buffering=stream.line_buffering,
                )
                put.append(screen)
                setattr(sys, name, screen)
        yield
    finally:
        sys.stdout, sys.stderr = before
        for screen in put:
            screen.detach()  # writes what is left


def print_json(data: Any) -> None:
    """Indented JSON; a dataclass is an object of its fields, and what JSON does not know becomes text."""
    text = json.dumps(_whole(data), indent=2, ensure_ascii=False, default=str)
    click.echo(visible(text, code=lambda sign: json.dumps(sign)[1:-1]))  # JSON's own codes: nothing is lost


def _whole(data: Any) -> Any:
    """Data with whole numbers as integers: a dataclass as an object of its fields."""
    from dataclasses import fields, is_dataclass

    if is_dataclass(data) and not isinstance(data, type):
        return {field.name: _whole(getattr(data, field.name)) for field in fields(data)}
    if isinstance(data, Mapping):
        return {key: _whole(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_whole(value) for value in data]
    return whole(data)


def plain(value: Any) -> Any:
    """A dataclass as plain data, anything else as text."""
    from dataclasses import asdict, is_dataclass

    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def print_csv(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, excel: bool = False) -> None:
    """CSV with a header; into a pipe or file its control characters go as they are."""
    text = csv_text(columns, rows, excel=excel)
    if isinstance(sys.stdout, Screen) and not sys.stdout.isatty():
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode(errors="backslashreplace"))
    else:
        click.echo(text, nl=False)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Aligned columns; on a terminal the widest ones are cut to fit, in a pipe nothing is."""
    columns = [_cell(column) for column in columns]
    shown = [[_cell(value) for value in row] for row in rows]
    widths = [
        max(len(column), *(len(row[i]) for row in shown)) if shown else len(column) for i, column in enumerate(columns)
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

    click.echo(line(columns))
    click.echo(line(["-" * width for width in widths]))
    for row in shown:
        click.echo(line(row))


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:g}"
    return visible(" ".join(str(value).split()))


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
