"""Release dates on an axis: where a mark stands, and how exactly that is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from moe_kb.records.dates import span

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
#: Days of the longest date that still counts as exact: a month.
_MONTH = 31


def known_to_the_month(released: str) -> bool:
    """Whether a release date is a month or a day, not a year or a span of months.

    >>> known_to_the_month("2024-03"), known_to_the_month("2024"), known_to_the_month("2024-01/2024-03")
    (True, False, False)
    """
    first, last = _ends(released)
    return (last - first).days <= _MONTH


def in_words(released: str) -> str:
    """A release date for people, with what is not known of it.

    >>> in_words("2024-03"), in_words("2021"), in_words("2024-08/2024-12")
    ('March 2024', '2021, only the year is known', 'August to December 2024, no month is known')
    """
    first, last = span(released)
    months = [f"{MONTHS[int(day[5:7]) - 1]} {day[:4]}" for day in (first, last)]
    if len(released) == 4:
        return f"{released}, only the year is known"
    if not known_to_the_month(released):
        start = months[0].partition(" ")[0] if first[:4] == last[:4] else months[0]
        return f"{start} to {months[1]}, no month is known"
    return f"{int(first[8:])} {months[0]}" if first == last else months[0]


def places(rows: Sequence[dict[str, Any]]) -> list[datetime]:
    """Where each row's mark stands on the axis of time.

    All that is known is the time from a date's first day to its last. Rows of one date are spread evenly over it, in
    the order they come, so that none hides another.

    Args:
        rows: Each with `released`, a partial date.
    """
    alike: dict[str, int] = {}
    for row in rows:
        alike[row["released"]] = alike.get(row["released"], 0) + 1
    seen: dict[str, int] = {}
    out = []
    for row in rows:
        date = row["released"]
        first, end = _ends(date)
        out.append(first + (end - first) * ((seen.get(date, 0) + 0.5) / alike[date]))
        seen[date] = seen.get(date, 0) + 1
    return out


def middle_of(year: int) -> datetime:
    """The middle of a year."""
    return datetime(year, 7, 2)


def _ends(released: str) -> tuple[datetime, datetime]:
    """The first moment of a date and the first after it."""
    first, last = span(released)
    return datetime.fromisoformat(first), datetime.fromisoformat(last) + timedelta(days=1)
