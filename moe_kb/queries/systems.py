"""Systems: who makes each, what it supports and optimises, its stars with their date, papers, kinds of parallelism."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from moe_kb.db.reader import Reader
from moe_kb.queries.organisations import renamed

OPTIMISES = {"computation": "Computation", "communication": "Communication", "storage": "Storage"}
#: What engines support for mixtures of experts, in words: fields of claims, and what each is called.
SUPPORTS = {
    "expert_parallelism": "Expert parallelism",
    "all_to_all": "All-to-all",
    "routing": "Routers",
    "expert_kernels": "Expert kernels",
    "quantised_experts": "Quantised experts",
    "expert_balancing": "Balancing of load over devices",
    "expert_offloading": "Offloading",
    "overlap": "Overlap",
    "disaggregation": "Prefill and decoding apart",
    "upcycling": "Upcycling",
}


@dataclass(frozen=True, slots=True)
class Stars:
    """How often a repository was starred."""

    number: float
    printed: str | None
    as_of: str | None


@dataclass(frozen=True, slots=True)
class Support:
    """What a source says that a system offers."""

    text: str
    status: str
    source: str
    locator: str | None


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
    notes: Mapping[str, str]
    """Why a mark was derived, by the same keys."""
    stars: Stars | None
    supports: Mapping[str, Support]
    """By key of `SUPPORTS`; what no source speaks of is absent."""


def systems(reader: Reader) -> list[SystemRow]:
    """Every system, by name."""
    optimises: dict[str, dict[str, str]] = {}
    notes: dict[str, dict[str, str]] = {}
    stars: dict[str, Stars] = {}
    supports: dict[str, dict[str, Support]] = {}
    marks = ", ".join("?" * len(SUPPORTS))
    for subject, name, value, number, printed, status, scope, note, source, locator in reader.tuples(
        "SELECT subject, field, value, number, printed, status, scope, note, source, locator FROM claims "
        "WHERE preferred AND subject LIKE 'system:%' "
        f"AND (field LIKE 'optimises_%' OR field = 'stars' OR field IN ({marks}))",
        tuple(SUPPORTS),
    ):
        if name == "stars":
            stars[subject] = Stars(number, printed, (scope or "").removeprefix("as of ") or None)
        elif name in SUPPORTS:
            supports.setdefault(subject, {})[name] = Support(value, status, source, locator)
        elif value == "true":
            aspect = name.removeprefix("optimises_")
            optimises.setdefault(subject, {})[aspect] = status
            if note:
                notes.setdefault(subject, {})[aspect] = note
    found = []
    for record, *about, papers, parallelism in reader.tuples(
        "SELECT s.record, s.key, s.name, s.organisation, s.repository, "
        "coalesce(r.content -> 'papers', '[]'), coalesce(r.content -> 'parallelism', '[]') "
        "FROM systems s JOIN records r ON r.record = s.record ORDER BY s.name COLLATE NOCASE"
    ):
        lists = tuple(json.loads(papers)), tuple(json.loads(parallelism))
        said = optimises.get(record, {}), notes.get(record, {}), stars.get(record), supports.get(record, {})
        found.append(SystemRow(*[record, *about, *lists, *said]))
    return renamed(reader, found)


def mark(status: str | None) -> str:
    """What a cell of the table says: a mark as a source prints it, one that follows from what a source says, or that
    it is unknown."""
    if status is None:
        return "unknown"
    return "● printed" if status == "reported" else "◐ derived"
