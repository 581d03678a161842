"""Systems: who makes each, what it optimises, its stars with their date, its papers and kinds of parallelism."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from moe_kb.db.reader import Reader
from moe_kb.queries.organisations import renamed

OPTIMISES = {"computation": "Computation", "communication": "Communication", "storage": "Storage"}


@dataclass(frozen=True, slots=True)
class Stars:
    """How often a repository was starred."""

    number: float
    printed: str | None
    as_of: str | None


@dataclass(frozen=True, slots=True)
class SystemRow:
    """One system."""

    record: str
    key: str
    name: str
    organisation: str | None
    repository: str | None
    papers: tuple[str, ...]
    """Keys."""
    parallelism: tuple[str, ...]
    optimises: Mapping[str, str]
    """Key of `OPTIMISES` to the claim's status, `reported` or `derived`; an aspect without a mark is absent."""
    notes: tuple[str, ...]
    """Why marks were inferred."""
    stars: Stars | None


def systems(reader: Reader) -> list[SystemRow]:
    """Every system, by name."""
    optimises: dict[str, dict[str, str]] = {}
    notes: dict[str, dict[str, None]] = {}
    stars: dict[str, Stars] = {}
    for subject, name, value, number, printed, status, scope, note in reader.tuples(
        "SELECT subject, field, value, number, printed, status, scope, note FROM claims "
        "WHERE preferred AND subject LIKE 'system:%' AND (field LIKE 'optimises_%' OR field = 'stars')"
    ):
        if name == "stars":
            stars[subject] = Stars(number, printed, (scope or "").removeprefix("as of ") or None)
        elif value == "true":
            optimises.setdefault(subject, {})[name.removeprefix("optimises_")] = status
            if note:
                notes.setdefault(subject, {})[note] = None
    found = []
    for record, *about, papers, parallelism in reader.tuples(
        "SELECT s.record, s.key, s.name, s.organisation, s.repository, "
        "coalesce(r.content -> 'papers', '[]'), coalesce(r.content -> 'parallelism', '[]') "
        "FROM systems s JOIN records r ON r.record = s.record ORDER BY s.name COLLATE NOCASE"
    ):
        lists = tuple(json.loads(papers)), tuple(json.loads(parallelism))
        marks = optimises.get(record, {}), tuple(notes.get(record, ())), stars.get(record)
        found.append(SystemRow(*[record, *about, *lists, *marks]))
    return renamed(reader, found)


def mark(status: str | None) -> str:
    """What a cell of the table says: a mark, an inferred mark, or nothing printed."""
    if status is None:
        return "–"
    return "● printed" if status == "reported" else "◐ derived"
