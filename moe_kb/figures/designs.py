"""Designs: the comparison matrix of the gates, lists of the other components, and what a design's page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from moe_kb.fields import GATING_PROPERTIES, MAIN_GATING_PROPERTIES, NOT_REPORTED
from moe_kb.kb import KnowledgeBase
from moe_kb.records.design import Component, GatingProperties, Sourced

COMPONENTS: tuple[str, ...] = get_args(Component)
COMPONENT_NAMES = {
    "gating": "Gating",
    "loss": "Losses",
    "expert": "Experts",
    "peft": "Parameter-efficient",
    "scheme": "Schemes",
    "system": "System",
    "application": "Applications",
}

FIRST = MAIN_GATING_PROPERTIES
NAMES = {name: field.label for name, field in GATING_PROPERTIES.items()}


def meaning(name: str) -> str | None:
    """What a property means, from the record type's own documentation."""
    return GatingProperties.model_fields[name].description


def _vocabulary(name: str) -> tuple[str, ...] | None:
    """The property's possible values in the order of the record type; None for numbers and texts."""
    wrapped = next(kind for kind in get_args(GatingProperties.model_fields[name].annotation) if kind is not type(None))
    value: Any = wrapped.model_fields["value"].annotation if issubclass(wrapped, Sourced) else None
    if value is bool:
        return ("yes", "no")
    values = get_args(value)
    return values if values and all(isinstance(one, str) for one in values) else None


VOCABULARIES: dict[str, tuple[str, ...]] = {name: values for name in GATING_PROPERTIES if (values := _vocabulary(name))}
"""Properties with a fixed set of values: those the matrix colours and filters by."""


def matrix(kb: KnowledgeBase) -> list[dict[str, Any]]:
    """One row per gating design: record, name, year, every property, and how many models and papers use it."""
    runnable = {row["key"] for row in kb.rows("SELECT key FROM implementations")}
    users: dict[str, int] = {
        row["record"]: row["n"]
        for row in kb.rows(
            "SELECT record, count(DISTINCT by) AS n FROM usages WHERE role IN ('uses', 'modifies') GROUP BY record"
        )
    }
    return [
        {
            "record": f"design:{row['key']}",
            "name": row["name"],
            "year": row["year"],
            "users": users.get(f"design:{row['key']}", 0),
            "runs": row["implementation"] in runnable,
            **{name: row[name] for name in GATING_PROPERTIES},
        }
        for row in kb.rows("SELECT * FROM gating_designs_compared ORDER BY year IS NULL, year, name COLLATE NOCASE")
    ]


def select(
    rows: Sequence[dict[str, Any]],
    wanted: Mapping[str, Sequence[str]],
    text: str = "",
    *,
    runs: bool | None = None,
) -> list[dict[str, Any]]:
    """Rows with one of the wanted values of every property asked for; `not reported` asks for a missing one.

    `runs` asks for designs with an implementation, or for those without.
    """
    words = text.lower().split()
    return [
        row
        for row in rows
        if all((row[name] or NOT_REPORTED) in values for name, values in wanted.items() if values)
        and (not words or all(word in f"{row['name']} {row['record']}".lower() for word in words))
        and (runs is None or row["runs"] is runs)
    ]


def others(kb: KnowledgeBase, component: str) -> list[dict[str, Any]]:
    """One row per design of a component: record, name, year, summary, who introduces it, how many use it."""
    return [
        {"record": f"design:{row['key']}", **row}
        for row in kb.rows(
            "SELECT d.key, d.name, d.year, d.summary, "
            "(SELECT group_concat(DISTINCT r.name) FROM usages u JOIN records r ON r.record = u.by "
            "WHERE u.record = 'design:' || d.key AND u.role = 'introduces') AS introduced, "
            "(SELECT count(DISTINCT u.by) FROM usages u WHERE u.record = 'design:' || d.key "
            "AND u.role IN ('uses', 'modifies')) AS users, "
            "(SELECT count(*) FROM equations e WHERE e.record = 'design:' || d.key) AS equations "
            "FROM designs d WHERE d.component = ? ORDER BY d.year IS NULL, d.year, d.name COLLATE NOCASE",
            (component,),
        )
    ]


@dataclass(frozen=True, slots=True)
class Property:
    """A typed property with its source."""

    name: str
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


def properties(kb: KnowledgeBase, record: str) -> list[Property]:
    """A gating design's properties in reading order."""
    found = {row["property"]: row for row in kb.rows("SELECT * FROM design_properties WHERE record = ?", (record,))}
    return [
        Property(name, row["value"], row["note"], row["status"], row["source"], row["locator"])
        for name in GATING_PROPERTIES
        if (row := found.get(name))
    ]


def users(kb: KnowledgeBase, record: str) -> list[User]:
    """Everyone whom a source ties to the design: introducers first, then models, then papers."""
    out = []
    for row in kb.rows(
        "SELECT u.*, r.name, r.year, r.kind FROM usages u JOIN records r ON r.record = u.by WHERE u.record = ? "
        "UNION ALL SELECT NULL, e.tail, e.head, e.type, NULL, NULL, e.status, e.source, e.locator, e.note, r.name, "
        "r.year, r.kind FROM edges e JOIN records r ON r.record = e.head WHERE e.tail = ?1 AND r.kind = 'model' "
        "AND e.type = 'uses' AND NOT EXISTS (SELECT 1 FROM usages u WHERE u.record = e.tail AND u.by = e.head)",
        (record,),
    ):
        detail = ", ".join(
            filter(
                None,
                (
                    row["term"],
                    f"coefficient {row['coefficient']:g}" if row["coefficient"] is not None else None,
                    row["note"],
                ),
            )
        )
        label = f"{row['name']} ({row['year']})" if row["year"] else row["name"]
        out.append(
            User(
                row["by"], label, row["kind"], row["role"], detail or None, row["status"], row["source"], row["locator"]
            )
        )
    roles = ("introduces", "uses", "modifies", "studies")
    out.sort(key=lambda one: (roles.index(one.role), one.kind != "model", one.label.lower()))
    return out


#: A record names its implementation; the audit asks for the name where an implementation says that it runs a design.
_RUNS = "FROM implementations i JOIN designs d ON d.implementation = i.key "


def running(kb: KnowledgeBase) -> set[str]:
    """Full names of the designs that an installed implementation runs."""
    return {row["record"] for row in kb.rows(f"SELECT 'design:' || d.key AS record {_RUNS}")}


def runnable(kb: KnowledgeBase, record: str) -> dict[str, Any] | None:
    """The installed implementation of a design: key, name, status, summary, oracle; None where there is none."""
    found = kb.rows(f"SELECT i.* {_RUNS}WHERE 'design:' || d.key = ?", (record,))
    return found[0] if found else None


def lineage(kb: KnowledgeBase, record: str) -> list[dict[str, Any]]:
    """Relations to other designs in either direction: other, label, type, forward, note, source, locator, status."""
    return [
        row
        | {"forward": bool(row["forward"]), "label": f"{row['name']} ({row['year']})" if row["year"] else row["name"]}
        for row in kb.rows(
            "SELECT r.record AS other, r.name, r.year, e.type, e.head = ?1 AS forward, e.note, e.source, e.locator, "
            "e.status FROM edges e JOIN records r ON r.record = CASE WHEN e.head = ?1 THEN e.tail ELSE e.head END "
            "WHERE (e.head = ?1 OR e.tail = ?1) AND r.kind = 'design' ORDER BY e.type, r.year, r.name",
            (record,),
        )
    ]
