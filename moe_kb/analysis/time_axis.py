"""Release dates on an axis: where a mark stands, and how exactly that is known."""

from __future__ import annotations

from calendar import month_name
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from moe_kb.records.dates import span

#: Days of the longest date that still counts as exact: a month.
_MONTH = 31


def known_to_the_month(released: str) -> bool:
    """Whether a release date is a month or a day, not a year or a span of months.

    >>> known_to_the_month("2024-03"), known_to_the_month("2024"), known_to_the_month("2024-01/2024-03")
    (True, False, False)
    """
    first, last = _ends(released)
    return (last - first).days <= _MONTH


def in_words(released: str | None) -> str:
    """A release date for people, with what is not known of it.

    >>> in_words("2024-03"), in_words("2021"), in_words("2024-08/2024-12")
    ('March 2024', '2021, only the year is known', 'August to December 2024, no month is known')
    """
    if not released:
        return "not reported"
    if len(released) == 4:
        return f"{released}, only the year is known"
    first, last = span(released)
    months = [f"{month_name[int(day[5:7])]} {day[:4]}" for day in (first, last)]
    if not known_to_the_month(released):
        start = months[0].partition(" ")[0] if first[:4] == last[:4] else months[0]
        return f"{start} to {months[1]}, no month is known"
    return f"{int(first[8:])} {months[0]}" if first == last else months[0]


def positions(dates: Sequence[str]) -> list[datetime]:
    """Where the mark of each partial date stands on the axis of time.

    All that is known is the time from a date's first day to its last. Marks of one date are spread evenly over it, in
    the order they come, so that none hides another.
    """
    alike, seen = Counter(dates), Counter[str]()
    out = []
    for date in dates:
        first, end = _ends(date)
        out.append(first + (end - first) * ((seen[date] + 0.5) / alike[date]))
        seen[date] += 1
    return out


def middle_of(year: int) -> datetime:
    """The middle of a year."""
    return datetime(year, 7, 2)


def _ends(released: str) -> tuple[datetime, datetime]:
    """The first moment of a date and the first after it."""
    first, last = span(released)
    return datetime.fromisoformat(first), datetime.fromisoformat(last) + timedelta(days=1)
