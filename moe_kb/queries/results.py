"""Results of comparisons of implementations, as their packages carry them: protocols, runs, and what runs measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from moe_kb.db.reader import Reader


@dataclass(frozen=True, slots=True)
class Protocol:
    """What was held equal in a comparison, how much was run, and how (of the last run)."""

    protocol: str
    task: str
    headline: str
    """The metric by which designs are compared."""
    better: Literal["higher", "lower"]
    designs: int
    seeds: int
    seconds: float
    """Of all runs together, by the clock."""
    made_date: str
    made_cpu: str
    made_threads: int
    made_torch: str
    made_python: str
    made_commit: str | None


@dataclass(frozen=True, slots=True)
class ResultRun:
    """A run of one implementation with one seed; the fields are the columns of the table `result_runs`."""

    run: str
    implementation: str
    task: str
    protocol: str
    comparison: str
    why: str | None
    causal: str
    headline: str
    higher_is_better: int
    score: float | None
    seed: int
    seconds: float
    cpu_seconds: float
    params_total: int
    params_active: int | None
    params_active_non_embedding: int | None
    config: str
    loads: str
    error: str | None
    made_date: str
    made_commit: str
    made_python: str
    made_torch: str
    made_reference_impls: str
    made_cpu: str
    made_threads: int


@dataclass(frozen=True, slots=True)
class Measured:
    """A value that a run measured: of a metric at its end, or of the headline metric at a step."""

    implementation: str
    metric: str
    step: int | None
    value: float


@dataclass(frozen=True, slots=True)
class Implementation:
    """An implementation by its name, and the record to open for it."""

    key: str
    name: str
    record: str
    """Full name of its design, or of the implementation where no design names it."""


def protocols(reader: Reader) -> list[Protocol]:
    """Protocols that have results, text before clusters."""
    return reader.all(
        Protocol,
        "SELECT protocol, task, headline, iif(higher_is_better, 'higher', 'lower') AS better, "
        "count(DISTINCT implementation) AS designs, count(DISTINCT seed) AS seeds, sum(seconds) AS seconds, "
        "max(made_date) AS made_date, made_cpu, made_threads, made_torch, made_python, made_commit "
        "FROM result_runs GROUP BY protocol ORDER BY task DESC",
    )


def runs(reader: Reader, protocol: str) -> list[ResultRun]:
    """The runs of a protocol, those of an implementation together, by seed."""
    return reader.all(
        ResultRun, "SELECT * FROM result_runs WHERE protocol = ? ORDER BY implementation, seed", (protocol,)
    )


def measured(reader: Reader, protocol: str) -> list[Measured]:
    """What the runs of a protocol measured, in the order of their seeds."""
    return reader.all(
        Measured,
        "SELECT r.implementation, v.metric, v.step, v.value FROM results v JOIN result_runs r USING (run) "
        "WHERE r.protocol = ? ORDER BY r.implementation, r.seed, v.id",
        (protocol,),
    )


def implementations(reader: Reader) -> dict[str, Implementation]:
    """The installed implementations by key."""
    found = reader.all(
        Implementation,
        "SELECT i.key, i.name, coalesce(min(d.record), 'implementation:' || i.key) AS record "
        "FROM implementations i LEFT JOIN designs d ON d.implementation = i.key GROUP BY i.key",
    )
    return {implementation.key: implementation for implementation in found}


def loads(reader: Reader, protocol: str, implementation: str) -> Mapping[str, list[float]]:
    """Share of the assignments of each expert by layer, at the last validation of the first seed that ended."""
    text = reader.value(
        "SELECT loads FROM result_runs WHERE protocol = ? AND implementation = ? AND error IS NULL ORDER BY seed",
        (protocol, implementation),
    )
    shares: dict[str, list[float]] = json.loads(text) if text else {}
    return shares


def example(protocol: str) -> str:
    """A query to begin with in the SQL console."""
    quoted = protocol.replace("'", "''")
    return (
        "SELECT implementation, avg(score) AS mean, count(*) AS seeds FROM result_runs\n"
        f"WHERE protocol = '{quoted}' GROUP BY 1 ORDER BY 2"
    )
