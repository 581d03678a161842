"""Benchmark scores with their settings, and the sizes of what was measured."""

from __future__ import annotations

from dataclasses import dataclass

from moe_kb.db.reader import Reader
from moe_kb.fields import BENCHMARKS
from moe_kb.format import year_of
from moe_kb.queries.organisations import renamed

#: What a score can be charted against.
AGAINST = ("params_active", "params_total", "year")


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """A score as a source gives it."""

    record: str
    label: str
    """Model and size."""
    organisation: str | None
    released: str | None
    benchmark: str
    score: float
    printed: str | None
    setting: str
    preferred: bool
    params_active: float | None
    params_total: float | None
    source: str
    locator: str | None

    @property
    def year(self) -> int | None:
        """Year of the release."""
        return year_of(self.released)

    def against(self, measure: str) -> float | None:
        """A value of `AGAINST`."""
        value: float | None = getattr(self, measure)
        return value


def scores(reader: Reader) -> list[ScoreRow]:
    """Every score, by benchmark, highest first; those of table rows that no model is tied to are left out."""
    found = reader.all(
        ScoreRow,
        "WITH own AS (SELECT subject, configuration, max(number) FILTER (WHERE field = 'params_active') AS active, "
        "max(number) FILTER (WHERE field = 'params_total') AS total, "
        "max(value) FILTER (WHERE field = 'released') AS released FROM claims "
        "WHERE preferred AND configuration IS NOT NULL GROUP BY 1, 2) "
        "SELECT c.subject AS record, trim(m.name || ' ' || coalesce(c.configuration, '')) AS label, m.organisation, "
        "coalesce(o.released, m.released) AS released, c.field AS benchmark, c.number AS score, c.printed, "
        "coalesce(c.setting, 'setting not reported') AS setting, c.preferred, o.active AS params_active, "
        "o.total AS params_total, c.source, c.locator FROM claims c JOIN models m ON c.subject = m.record "
        "LEFT JOIN own o ON o.subject = c.subject AND o.configuration = c.configuration "
        f"WHERE c.number IS NOT NULL AND c.field IN ({', '.join('?' for _ in BENCHMARKS)}) "
        "ORDER BY c.field, c.number DESC",
        tuple(BENCHMARKS),
    )
    return renamed(reader, found)
