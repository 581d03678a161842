"""Benchmark scores with their settings, and the sizes of what was measured."""

from __future__ import annotations

from dataclasses import dataclass

from moe_kb.db.reader import Reader
from moe_kb.fields import BENCHMARKS
from moe_kb.format import joined, year_of

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
    known = {
        (subject, configuration, field): (number, value)
        for subject, configuration, field, number, value in reader.tuples(
            "SELECT subject, configuration, field, number, value FROM claims WHERE preferred "
            "AND configuration IS NOT NULL AND field IN ('params_active', 'params_total', 'released')"
        )
    }

    def own(record: str, configuration: str | None, field: str) -> tuple[float | None, str | None]:
        return known.get((record, configuration, field), (None, None))

    return [
        ScoreRow(
            record=record,
            label=joined(model, configuration, separator=" "),
            organisation=organisation,
            released=own(record, configuration, "released")[1] or released,
            benchmark=benchmark,
            score=score,
            printed=printed,
            setting=setting or "setting not reported",
            preferred=bool(preferred),
            params_active=own(record, configuration, "params_active")[0],
            params_total=own(record, configuration, "params_total")[0],
            source=source,
            locator=locator,
        )
        for (
            record,
            model,
            organisation,
            released,
            configuration,
            benchmark,
            score,
            printed,
            setting,
            preferred,
            source,
            locator,
        ) in reader.tuples(
            "SELECT c.subject, m.name, m.organisation, m.released, c.configuration, c.field, c.number, c.printed, "
            "c.setting, c.preferred, c.source, c.locator FROM claims c JOIN models m ON c.subject = m.record "
            f"WHERE c.number IS NOT NULL AND c.field IN ({', '.join('?' for _ in BENCHMARKS)}) "
            "ORDER BY c.field, c.number DESC",
            tuple(BENCHMARKS),
        )
    ]
