"""Tables as CSV that people open: whole numbers stay whole, and nothing in a cell is run as a formula.

A spreadsheet takes text that begins with `=`, `+`, `-`, `@`, a tab or a carriage return for a formula. Such text gets
an apostrophe before it, which spreadsheets hide; JSON and Parquet keep it as it is.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from typing import Any

#: What is said wherever CSV is offered.
NOTE = "Text that a spreadsheet would run as a formula begins with an apostrophe; JSON keeps it unchanged."
#: Tells Excel that a file is UTF-8.
MARK = "\ufeff"

_RUN = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d+)*|\.\d+)([eE][+-]?\d+)?%?")
_EXACT = 2**53  # beyond, a float is no longer a count


def cell(value: Any) -> Any:
    """A value as a cell of CSV; nothing where it is missing.

    >>> cell(35.0), cell(0.5), cell(None), cell("=1+1"), cell("-0.5"), cell("-a"), cell(float("nan"))
    (35, 0.5, '', "'=1+1", '-0.5', "'-a", '')
    """
    if value is None or value != value:
        return ""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, str):
        return f"'{value}" if _RUN.match(value) and not _NUMBER.fullmatch(value) else value
    return whole(value)


def whole(value: Any) -> Any:
    """A float that counts something as the integer that it is, anything else as it is.

    >>> whole(35.0), whole(35.5), whole(1e300), whole(True)
    (35, 35.5, 1e+300, True)
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    return value


def csv_bytes(columns: Sequence[str], rows: Iterable[Iterable[Any]], *, excel: bool = False) -> bytes:
    """CSV in UTF-8 with a header.

    Args:
        columns: Headings.
        rows: Values in the order of the columns; see `cell`.
        excel: Whether a byte-order mark stands first.
    """
    lines = _Lines(MARK.encode() if excel else b"")
    writer = csv.writer(lines)
    writer.writerow([cell(column) for column in columns])
    writer.writerows([cell(value) for value in row] for row in rows)
    return bytes(lines)


class _Lines(bytearray):
    """Rows, ended by a line feed; with the standard end the writer quotes carriage returns, too."""

    def write(self, row: str) -> None:
        self += row.removesuffix("\r\n").encode(errors="backslashreplace") + b"\n"


def csv_text(columns: Sequence[str], rows: Iterable[Iterable[Any]], *, excel: bool = False) -> str:
    """The same as text."""
    return csv_bytes(columns, rows, excel=excel).decode()
