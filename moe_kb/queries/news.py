"""What is new: models, designs, papers and systems by the date at which they became public, as far as it is known."""

from __future__ import annotations

from calendar import month_name
from collections.abc import Iterable
from dataclasses import dataclass

from moe_kb.db.reader import Reader
from moe_kb.queries.organisations import renamed
from moe_kb.records.dates import span

#: Kinds that have news, and what several of each are called.
KINDS = {"model": "Models", "design": "Designs", "paper": "Papers", "system": "Systems"}


@dataclass(frozen=True, slots=True)
class News:
    """A record with the date at which it became public."""

    record: str
    kind: str
    name: str
    date: str
    """A day, month, quarter or year, or an interval of two."""
    organisation: str | None
    detail: str | None
    """Title of a paper, component of a design, summary of a system."""
    dated_by: str | None
    """The work whose date stands for that of a design."""

    @property
    def year(self) -> int:
        """Year of the first day of the date."""
        return int(self.date[:4])

    @property
    def month(self) -> str | None:
        """The month as `2025-03`; None where the date is longer than a month."""
        first, last = span(self.date)
        return first[:7] if first[:7] == last[:7] else None

    @property
    def period(self) -> str:
        """The month in words, else the year.

        >>> News("model:m", "model", "M", "2025-03-02", None, None, None).period
        'March 2025'
        """
        return f"{month_name[int(self.month[5:])]} {self.year}" if self.month else f"{self.year}, month not known"


_QUERIES = (
    "SELECT record, 'model', name, released, organisation, NULL, NULL FROM models WHERE released IS NOT NULL",
    # A paper without a day of its own is dated by its year.
    "SELECT record, 'paper', name, coalesce(date, CAST(year AS TEXT)), venue, title, NULL FROM papers "
    "WHERE coalesce(date, year) IS NOT NULL",
    "SELECT s.record, 'system', s.name, json_extract(r.content, '$.released'), s.organisation, s.summary, NULL "
    "FROM systems s JOIN records r ON r.record = s.record WHERE json_extract(r.content, '$.released') IS NOT NULL",
)
#: Works that introduce a design, with their dates.
_INTRODUCED = (
    "SELECT u.record, r.name, coalesce(p.date, CAST(p.year AS TEXT), m.released) AS date FROM usages u "
    "JOIN records r ON r.record = u.by LEFT JOIN papers p ON p.record = u.by LEFT JOIN models m ON m.record = u.by "
    "WHERE u.role = 'introduces' AND date IS NOT NULL"
)
#: Models that use a design, with their dates.
_USED = (
    "SELECT e.tail, m.name, m.released FROM edges e JOIN models m ON m.record = e.head "
    "WHERE e.type = 'uses' AND m.released IS NOT NULL"
)


def news(reader: Reader) -> list[News]:
    """Everything that has a date, the newest first; what is dated by its year alone comes after the year's months."""
    found = [News(*row) for query in _QUERIES for row in reader.tuples(query)] + _designs(reader)
    return sorted(renamed(reader, found), key=age)


def _designs(reader: Reader) -> list[News]:
    """Designs by the first work that introduces them, else by the first model that uses them, else by their year."""
    introduced, used = _first(reader.tuples(_INTRODUCED)), _first(reader.tuples(_USED))
    found = []
    for record, name, component, year in reader.tuples("SELECT record, name, component, year FROM designs"):
        work = introduced.get(record) or used.get(record)
        if work and record not in introduced and year and int(work[1][:4]) != year:
            work = None  # the first model here came later than the design
        if work:
            found.append(News(record, "design", name, work[1], None, component, work[0]))
        elif year:
            found.append(News(record, "design", name, str(year), None, component, None))
    return found


def _first(dated: Iterable[tuple[str, str, str]]) -> dict[str, tuple[str, str]]:
    """The earliest of several works of each design, with its date."""
    found: dict[str, tuple[str, str]] = {}
    for record, name, date in dated:
        if record not in found or (span(date), name) < (span(found[record][1]), found[record][0]):
            found[record] = name, date
    return found


def age(item: News) -> tuple[int, bool, int, str, str]:
    """Orders by month, newest first, a whole year after its months; then by name."""
    first, last = span(item.date)
    day = int((first if item.month else last).replace("-", ""))
    return -item.year, item.month is None, -day, item.kind, item.name.casefold()


def by_period(items: Iterable[News]) -> dict[str, list[News]]:
    """News by month, in their order."""
    periods: dict[str, list[News]] = {}
    for item in items:
        periods.setdefault(item.period, []).append(item)
    return periods
