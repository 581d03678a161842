"""The lineage of gating and balancing: designs with their dates, recorded edges between them, models that use each."""

from __future__ import annotations

from dataclasses import dataclass

from moe_kb.db.reader import Reader
from moe_kb.format import year_of

#: Edges by which one design comes out of another, or takes it in.
TYPES = ("extends", "based-on", "variant-of", "replaces", "combines", "uses")


@dataclass(frozen=True, slots=True)
class Adopter:
    """A model that uses a design."""

    record: str
    name: str
    released: str | None


@dataclass(frozen=True, slots=True)
class Descendant:
    """A design with a place in time."""

    record: str
    name: str
    component: str
    chooser: str | None
    score: str | None
    year: int | None
    dated_by: str
    """Where the year comes from, in words."""
    adopters: tuple[Adopter, ...]
    """Oldest first."""


@dataclass(frozen=True, slots=True)
class Descent:
    """A recorded edge: `head` extends, replaces ... `tail`."""

    head: str
    type: str
    tail: str
    status: str
    source: str
    locator: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Lineage:
    """Designs that have a relation or a model, oldest first, and their edges."""

    designs: tuple[Descendant, ...]
    edges: tuple[Descent, ...]
    left_out: int
    """Designs without a recorded relation and without a model."""


def lineage_of_all(reader: Reader) -> Lineage:
    """Gating designs and losses with the edges between them.

    A design's year is its record's; else that of the first paper that introduces it; else that of the first model that
    uses it.
    """
    marks = ", ".join("?" * len(TYPES))
    edges = reader.all(
        Descent,
        "SELECT DISTINCT e.head, e.type, e.tail, e.status, coalesce(s.name, e.source, '') AS source, e.locator, e.note "
        "FROM edges e JOIN designs h ON h.record = e.head JOIN designs t ON t.record = e.tail "
        "LEFT JOIN sources s ON s.key = e.source WHERE e.head != e.tail AND h.component IN ('gating', 'loss') "
        f"AND t.component IN ('gating', 'loss') AND e.type IN ({marks}) ORDER BY e.type, e.head, e.tail, e.source",
        TYPES,
    )
    adopters: dict[str, list[Adopter]] = {}
    for design, *model in reader.tuples(
        "SELECT DISTINCT e.tail, m.record, m.name, m.released FROM edges e JOIN models m ON m.record = e.head "
        "WHERE e.type = 'uses' ORDER BY m.released IS NULL, m.released, m.name"
    ):
        adopters.setdefault(design, []).append(Adopter(*model))
    introduced = dict(
        reader.tuples(
            "SELECT u.record, min(p.year) FROM usages u JOIN papers p ON p.record = u.by "
            "WHERE u.role = 'introduces' GROUP BY u.record"
        )
    )
    related = {end for edge in edges for end in (edge.head, edge.tail)}
    designs, left_out = [], 0
    for record, name, component, year, chooser, score in reader.tuples(
        "SELECT d.record, d.name, d.component, d.year, "
        "max(p.value) FILTER (WHERE p.property = 'chooser'), max(p.value) FILTER (WHERE p.property = 'score') "
        "FROM designs d LEFT JOIN design_properties p ON p.record = d.record "
        "WHERE d.component IN ('gating', 'loss') GROUP BY d.record ORDER BY d.name COLLATE NOCASE, d.record"
    ):
        users = tuple(adopters.get(record, ()))
        if record not in related and not users:
            left_out += 1
            continue
        designs.append(
            Descendant(record, name, component, chooser, score, *_dated(year, introduced.get(record), users), users)
        )
    designs.sort(key=lambda design: (design.year is None, design.year))
    return Lineage(tuple(designs), tuple(edges), left_out)


#: Calendar years in which a design's users count for what is usual today.
RECENT = 2


def leading_router(lineage: Lineage) -> Descendant | None:
    """The gating design that most models of the last years use; None where no model has a date and a router."""
    used = {
        design: [model.released[:4] for model in design.adopters if model.released]
        for design in lineage.designs
        if design.component == "gating"
    }
    newest = max((year for years in used.values() for year in years), default=None)
    if newest is None:
        return None
    since = str(int(newest) - RECENT + 1)
    return max(used, key=lambda design: (sum(year >= since for year in used[design]), len(used[design])))


def _dated(year: int | None, paper: int | None, users: tuple[Adopter, ...]) -> tuple[int | None, str]:
    if year is not None:
        return year, "year of the work that introduces it"
    if paper is not None:
        return paper, "year of the first paper that introduces it"
    for model in users:
        released = year_of(model.released)
        if released is not None:
            return released, f"release of {model.name}, the first model here that uses it"
    return None, "no date is recorded"
