"""Partial dates: a day, month, quarter, year, or an interval of two of them (`2024-01/2024-03`)."""

from __future__ import annotations

import re
from calendar import monthrange

_PART = re.compile(r"(\d{4})(?:-Q([1-4])|-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01]))?)?", re.ASCII)


def is_partial_date(text: str) -> bool:
    """Whether a text is a partial date of the calendar, the parts of an interval in order."""
    try:
        first, last = span(text)
    except ValueError:
        return False
    return first <= last


def span(text: str) -> tuple[str, str]:
    """First and last day, as text that sorts.

    >>> span("2024-Q1")
    ('2024-01-01', '2024-03-31')

    Raises:
        ValueError: The text is no partial date.
    """
    first, slash, last = text.partition("/")
    return _days(first)[0], _days(last if slash else first)[1]


def _days(part: str) -> tuple[str, str]:
    match = _PART.fullmatch(part)
    if match is None:
        raise ValueError(f"{part!r} is no day, month, quarter or year")
    year, quarter, month, day = match.groups()
    if not 1900 <= int(year) <= 2100:
        raise ValueError(f"{part!r}: the year is not between 1900 and 2100")
    if quarter:
        start, end = int(quarter) * 3 - 2, int(quarter) * 3
    else:
        start, end = int(month or 1), int(month or 12)
    last = monthrange(int(year), end)[1]
    if day and int(day) > last:
        raise ValueError(f"{part!r}: the month has {last} days")
    return f"{year}-{start:02d}-{day or '01'}", f"{year}-{end:02d}-{day or last}"
