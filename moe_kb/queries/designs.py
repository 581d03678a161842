"""Designs: the comparison matrix of gates, lists of the other components, and what a design's page shows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from moe_kb.db.reader import Reader
from moe_kb.fields import GATING_PROPERTIES, NOT_REPORTED
from moe_kb.format import joined, with_year

#: Components of designs and their headings.
COMPONENTS = {
    "gating": "Gating",
    "loss": "Losses",
    "expert": "Experts",
    "peft": "Parameter-efficient",
    "scheme": "Schemes",
    "system": "System",
    "application": "Applications",
}
ROLES = ("introduces", "uses", "modifies", "studies")
#: The year since which users count as recent.
RECENT = 2025


@dataclass(frozen=True, slots=True)
class Gate:
    """A gating design with its typed properties."""

    record: str
    name: str
    year: int | None
    users: int
    """Models and papers that use or modify it."""
    recent: int
    """Models released since `RECENT` that use or modify it."""
    runs: bool
    """Whether an implementation of it is installed."""
    properties: Mapping[str, str | None]
    """By name, in reading order; None where no source gives one."""
    known_by: str
    """What people look for it by, a line each: name, key, other names, and names of those who use it."""

    def shown(self, name: str) -> str:
        """A property's value, or that it is not reported."""
        return self.properties[name] or NOT_REPORTED


@dataclass(frozen=True, slots=True)
class DesignBrief:
    """A design in a line of a list."""

    record: str
    key: str
    name: str
    year: int | None
    summary: str | None
    introduced: str | None
    """Names of the papers that introduce it."""
    users: int
    equations: int


@dataclass(frozen=True, slots=True)
class Property:
    """A typed property with its source."""

    property: str
    value: str
    note: str | None
    status: str
    source: str
    locator: str | None


@dataclass(frozen=True, slots=True)
class User:
    """Who introduces, uses, modifies or studies a design."""

    record: str
    label: str
    kind: str
    role: str
    detail: str | None
    """Loss term, coefficient, note."""
    status: str
    source: str
    locator: str | None


@dataclass(frozen=True, slots=True)
class Implementation:
    """An installed implementation of a design."""

    key: str
    name: str
    status: str
    designs: str
    summary: str
    verified_against: str
    """What it was checked against."""
    snippet: str | None
    """Python that makes its layer and calls it, to be run as it is."""
    code: str
    """JSON of `files`."""

    @property
    def files(self) -> list[tuple[str, str]]:
        """Name and text of its own files, the one that routes in front."""
        return [(name, text) for name, text in json.loads(self.code)]


def property_meanings(reader: Reader) -> dict[str, str]:
    """What each typed property means, from the data dictionary."""
    return dict(
        reader.tuples(
            "SELECT column_name, description FROM dictionary WHERE table_name = 'gating_designs_compared' "
            "AND column_name IN (SELECT value FROM json_each(?))",
            (json.dumps(list(GATING_PROPERTIES)),),
        )
    )


@cache
def vocabularies() -> dict[str, tuple[str, ...]]:
    """Properties with a fixed set of values, in the record type's order."""
    from moe_kb.records import GatingProperties

    return {name: values for name in GATING_PROPERTIES if (values := GatingProperties.vocabulary(name))}


#: Papers, models and systems that use or modify a design, whether its record or theirs says so.
_USERS = (
    "SELECT count(DISTINCT e.head) FROM edges e "
    "WHERE e.type IN ('uses', 'modifies') AND e.head NOT LIKE 'design:%' AND e.tail ="
)

#: A design's names, and those of who uses it, a line each.
_KNOWN_BY = (
    "SELECT group_concat(k.name, char(10)) FROM (SELECT g.name UNION SELECT g.key UNION SELECT a.alias FROM aliases a "
    "WHERE a.record = g.record UNION SELECT r.name FROM edges e JOIN records r ON r.record = e.head "
    "WHERE e.tail = g.record AND e.type IN ('introduces', 'uses', 'modifies')) k"
)


def gates(reader: Reader) -> list[Gate]:
    """Every gating design, oldest first."""
    runs = running(reader)
    columns, users = ", ".join(f'"{name}"' for name in GATING_PROPERTIES), f"{_USERS} g.record"
    return [
        Gate(
            record=record,
            name=name,
            year=year,
            users=count,
            recent=recent,
            runs=record in runs,
            properties=dict(zip(GATING_PROPERTIES, properties, strict=True)),
            known_by=known_by,
        )
        for record, name, year, count, recent, known_by, *properties in reader.tuples(
            f"SELECT g.record, g.name, g.year, ({users}), "
            f"({users} AND e.head IN (SELECT m.record FROM models m WHERE m.released >= ?)), ({_KNOWN_BY}), {columns} "
            "FROM gating_designs_compared g ORDER BY g.year IS NULL, g.year, g.name COLLATE NOCASE",
            (str(RECENT),),
        )
    ]


def gate_name(reader: Reader, record: str) -> str | None:
    """Name of a gating design; None where the record is another thing."""
    name: str | None = reader.value("SELECT name FROM designs WHERE record = ? AND component = 'gating'", (record,))
    return name


def select_gates(
    found: Sequence[Gate], wanted: Mapping[str, Sequence[str]], text: str = "", *, runs: bool | None = None
) -> list[Gate]:
    """Gates with one of the wanted values of every property asked for; `not reported` asks for a missing one.

    `text` are words of their names or of the names of those who use them.

    `runs` asks for designs with an implementation, or for those without.
    """
    words = text.lower().split()
    return [
        gate
        for gate in found
        if all(gate.shown(name) in values for name, values in wanted.items() if values)
        and all(word in gate.known_by.lower() for word in words)
        and runs in (None, gate.runs)
    ]


def designs_of(reader: Reader, component: str) -> list[DesignBrief]:
    """Every design of a component, oldest first."""
    return reader.all(
        DesignBrief,
        "SELECT d.record, d.key, d.name, d.year, d.summary, "
        "(SELECT group_concat(DISTINCT r.name) FROM usages u JOIN records r ON r.record = u.by "
        "WHERE u.record = d.record AND u.role = 'introduces') AS introduced, "
        f"({_USERS} d.record) AS users, "
        "(SELECT count(*) FROM equations e WHERE e.record = d.record) AS equations "
        "FROM designs d WHERE d.component = ? ORDER BY d.year IS NULL, d.year, d.name COLLATE NOCASE",
        (component,),
    )


def properties(reader: Reader, record: str) -> list[Property]:
    """A gating design's properties in reading order."""
    found = reader.all(
        Property,
        "SELECT property, value, note, status, source, locator FROM design_properties WHERE record = ?",
        (record,),
    )
    order = list(GATING_PROPERTIES)
    return sorted(found, key=lambda stated: order.index(stated.property))


def users(reader: Reader, record: str) -> list[User]:
    """Everyone whom a source ties to the design: introducers first, then models, then papers."""
    found = []
    for by, name, year, kind, role, term, coefficient, note, status, source, locator in reader.tuples(
        "SELECT u.by, r.name, r.year, r.kind, u.role, u.term, u.coefficient, u.note, u.status, u.source, u.locator "
        "FROM usages u JOIN records r ON r.record = u.by WHERE u.record = ?1 "
        "UNION ALL SELECT e.head, r.name, r.year, r.kind, e.type, NULL, NULL, e.note, e.status, e.source, e.locator "
        "FROM edges e JOIN records r ON r.record = e.head WHERE e.tail = ?1 AND r.kind = 'model' "
        "AND e.type = 'uses' AND NOT EXISTS (SELECT 1 FROM usages u WHERE u.record = e.tail AND u.by = e.head)",
        (record,),
    ):
        detail = joined(term, None if coefficient is None else f"coefficient {coefficient:g}", note)
        found.append(User(by, with_year(name, year), kind, role, detail or None, status, source, locator))
    return sorted(found, key=lambda user: (ROLES.index(user.role), user.kind != "model", user.label.lower()))


#: A record names its implementation; the audit asks for the name where an implementation says that it runs a design.
_RUNS = "FROM implementations i JOIN designs d ON d.implementation = i.key"


def running(reader: Reader) -> set[str]:
    """Full names of the designs that an installed implementation runs."""
    return set(reader.values(f"SELECT d.record {_RUNS}"))


def implementation_of(reader: Reader, record: str) -> Implementation | None:
    """The installed implementation of a design; None where there is none."""
    return reader.first(Implementation, f"SELECT i.* {_RUNS} WHERE d.record = ?", (record,))
