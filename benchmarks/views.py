"""Each view against the SQL over base tables that a person would write for the same question.

Two questions a view: everything it shows, and what it says of one record. The answers are compared before they are
timed. On the real data, and at 20,000 papers where the synthetic tree has rows for the view.

    python -m benchmarks.views
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from benchmarks.measure import REPOSITORY, Result, interleaved, main, progress, scratch, timed, worker
from benchmarks.synthetic import write_tree
from moe_kb.db.connect import connect
from moe_kb.db.views import VIEWS
from moe_kb.fields import BENCHMARKS, GATING_PROPERTIES, HYPERPARAMETER_WORDS, HYPERPARAMETERS

PAPERS = 20_000
ROUNDS = 15
#: What a person would list: every benchmark.
_SCORES = ", ".join(f"'{name}'" for name in BENCHMARKS)
_properties = ", ".join(f"MAX(value) FILTER (WHERE property = '{name}')" for name in GATING_PROPERTIES)
_hyperparameters = ", ".join(
    [f"MAX(number) FILTER (WHERE field = '{name}')" for name in HYPERPARAMETERS]
    + [f"MAX(value) FILTER (WHERE field = '{name}')" for name in HYPERPARAMETER_WORDS]
)
_claim = (
    "id, record, subject, configuration, field, value, number, printed, unit, status, counting, scope, setting, "
    "source, locator, table_row, note, preferred"
)

#: View: the column that picks one record, SQL for everything, SQL for one record (`?1` is its value in that column).
HAND_WRITTEN: dict[str, tuple[str, str, str]] = {
    "papers_with_placements": (
        "key",
        """SELECT p.key, p.record, p.name, p.title, p.year, p.venue, p.arxiv, l.taxonomy, l.node, n.label, l.printed_as,
        l.source, l.locator FROM placements l JOIN papers p ON p.key = substr(l.record, 7)
        JOIN nodes n ON n.taxonomy = l.taxonomy AND n.node = l.node WHERE l.record LIKE 'paper:%'""",
        """SELECT p.key, p.record, p.name, p.title, p.year, p.venue, p.arxiv, l.taxonomy, l.node, n.label, l.printed_as,
        l.source, l.locator FROM papers p, placements l JOIN nodes n ON n.taxonomy = l.taxonomy AND n.node = l.node
        WHERE p.key = ?1 AND l.record = 'paper:' || ?1""",
    ),
    "gating_designs_compared": (
        "key",
        f"""SELECT d.key, d.record, d.name, d.year, {_properties}, d.implementation
        FROM designs d LEFT JOIN design_properties p ON p.record = d.record
        WHERE d.component = 'gating' GROUP BY d.rowid""",
        f"""SELECT d.key, d.record, d.name, d.year, {_properties}, d.implementation
        FROM designs d LEFT JOIN design_properties p ON p.record = 'design:' || ?1 WHERE d.key = ?1 GROUP BY d.rowid""",
    ),
    "models_by_router": (
        "design",
        """SELECT d.key, d.name, r.kind, r.key, r.name, r.year, group_concat(DISTINCT e.type),
        group_concat(DISTINCT e.source), min(e.status = 'derived')
        FROM designs d JOIN edges e ON e.tail = d.record JOIN records r ON r.record = e.head
        WHERE d.component = 'gating' AND e.type IN ('introduces', 'uses', 'modifies') AND r.kind IN ('model', 'paper')
        GROUP BY e.tail, e.head""",
        """SELECT d.key, d.name, r.kind, r.key, r.name, r.year, group_concat(DISTINCT e.type),
        group_concat(DISTINCT e.source), min(e.status = 'derived')
        FROM edges e JOIN designs d ON d.key = ?1 JOIN records r ON r.record = e.head
        WHERE e.tail = 'design:' || ?1 AND d.component = 'gating' AND e.type IN ('introduces', 'uses', 'modifies')
        AND r.kind IN ('model', 'paper') GROUP BY e.head""",
    ),
    "hyperparameters": (
        "model",
        f"""SELECT m.key, m.record, m.name, c.configuration, m.organisation, m.released, m.openness, {_hyperparameters}
        FROM models m JOIN claims c ON c.subject = m.record
        WHERE c.preferred AND c.configuration IS NOT NULL AND c.setting IS NULL GROUP BY c.subject, c.configuration""",
        f"""SELECT m.key, m.record, m.name, c.configuration, m.organisation, m.released, m.openness, {_hyperparameters}
        FROM models m, claims c WHERE m.key = ?1 AND c.subject = 'model:' || ?1
        AND c.preferred AND c.configuration IS NOT NULL AND c.setting IS NULL GROUP BY c.configuration""",
    ),
    "claims_counted": (
        "subject",
        f"SELECT {_claim} FROM claims WHERE repeats = 0",
        f"SELECT {_claim} FROM claims WHERE subject = ?1 AND repeats = 0",
    ),
    "open_disagreements": (
        "subject",
        "SELECT kind, subject, configuration, field, setting, values_seen FROM disagreements WHERE resolved = 0",
        """SELECT kind, subject, configuration, field, setting, values_seen FROM disagreements
        WHERE subject = ?1 AND resolved = 0""",
    ),
    "timeline": (
        "label",
        """SELECT substr(t.record, 7), t.row, t.label, MAX(value) FILTER (WHERE field = 'released'),
        MAX(value) FILTER (WHERE field = 'openness'), MAX(value) FILTER (WHERE field = 'domain'),
        MAX(value) FILTER (WHERE field = 'organisation'), t.subject
        FROM table_rows t JOIN claims c ON c.table_row = substr(t.record, 7) || '#' || t.row
        WHERE t.record IN ('table:survey-a-figure-1', 'table:timeline-2025') GROUP BY t.id""",
        """SELECT substr(t.record, 7), t.row, t.label, MAX(value) FILTER (WHERE field = 'released'),
        MAX(value) FILTER (WHERE field = 'openness'), MAX(value) FILTER (WHERE field = 'domain'),
        MAX(value) FILTER (WHERE field = 'organisation'), t.subject
        FROM table_rows t JOIN claims c ON c.table_row = substr(t.record, 7) || '#' || t.row
        WHERE t.record IN ('table:survey-a-figure-1', 'table:timeline-2025') AND t.label = ?1 GROUP BY t.id""",
    ),
    "scores": (
        "subject",
        f"""SELECT r.record, r.name, c.configuration, c.field, c.number, c.unit, c.setting, c.source, c.locator
        FROM claims c JOIN records r ON r.record = c.subject
        WHERE c.field IN ({_SCORES}) AND c.number IS NOT NULL""",
        f"""SELECT r.record, r.name, c.configuration, c.field, c.number, c.unit, c.setting, c.source, c.locator
        FROM records r JOIN claims c ON c.subject = r.record
        WHERE r.record = ?1 AND c.field IN ({_SCORES}) AND c.number IS NOT NULL""",
    ),
    "designs_without_implementation": (
        "key",
        """SELECT d.key, d.record, d.name, d.year FROM designs d LEFT JOIN implementations i ON i.key = d.implementation
        WHERE d.component = 'gating' AND i.key IS NULL""",
        """SELECT d.key, d.record, d.name, d.year FROM designs d LEFT JOIN implementations i ON i.key = d.implementation
        WHERE d.key = ?1 AND d.component = 'gating' AND i.key IS NULL""",
    ),
    "sources_by_use": (
        "key",
        """SELECT s.key, s.record, s.name, s.type, s.url, coalesce(c.n, 0), coalesce(m.n, 0) FROM sources s
        LEFT JOIN (SELECT source, count(*) AS n FROM claims GROUP BY source) c ON c.source = s.key
        LEFT JOIN (SELECT target, count(DISTINCT record) AS n FROM record_references GROUP BY target) m
        ON m.target = s.record""",
        """SELECT s.key, s.record, s.name, s.type, s.url, (SELECT count(*) FROM claims c WHERE c.source = ?1),
        (SELECT count(DISTINCT record) FROM record_references WHERE target = 'source:' || ?1)
        FROM sources s WHERE s.key = ?1""",
    ),
}


def run() -> list[Result]:
    """All results of this benchmark."""
    with scratch() as folder:
        progress("building the real data for its views")
        worker("build", REPOSITORY, folder / "real.db")
        progress(f"writing and building {PAPERS:,} papers for the views")
        write_tree(folder / "tree", PAPERS)
        worker("build", folder / "tree", folder / "synthetic.db")
        return measure(folder / "real.db", "real data") + measure(folder / "synthetic.db", f"{PAPERS:,} papers")


def questions(connection: sqlite3.Connection) -> Iterator[tuple[str, str, str, tuple[object, ...]]]:
    """Name, SQL through the view, SQL by hand and parameters of each question; views without rows are left out."""
    missing = VIEWS.keys() - HAND_WRITTEN.keys()
    if missing:
        raise RuntimeError(f"write SQL by hand for the views {', '.join(sorted(missing))} in {__file__}")
    for view in VIEWS:
        column, everything, one = HAND_WRITTEN[view]
        example = connection.execute(f"SELECT {column} FROM {view} ORDER BY {column} DESC LIMIT 1").fetchone()
        if example is not None:
            yield f"`{view}`, everything", f"SELECT * FROM {view}", everything, ()
            yield f"`{view}`, one record", f"SELECT * FROM {view} WHERE {column} = ?1", one, example


def unordered(rows: list[tuple[object, ...]]) -> list[str]:
    """Rows in a fixed order, and the members of a concatenated cell too."""
    return sorted(repr([sorted(cell.split(",")) if isinstance(cell, str) else cell for cell in row]) for row in rows)


def measure(database: Path, what: str) -> list[Result]:
    """Time every question of a database."""
    with closing(connect(database)) as connection:
        return [
            _compare(connection, f"{question}, {what}", ours, theirs, parameters)
            for question, ours, theirs, parameters in questions(connection)
        ]


def _compare(
    connection: sqlite3.Connection, what: str, ours: str, theirs: str, parameters: tuple[object, ...]
) -> Result:
    def rows(sql: str) -> list[tuple[object, ...]]:
        return connection.execute(sql, parameters).fetchall()

    if unordered(rows(ours)) != unordered(rows(theirs)):
        raise RuntimeError(f"{what}: the view and the SQL written by hand give different rows")
    repeat = max(1, round(0.005 / timed(lambda: rows(theirs)).wall))  # what takes microseconds is measured in batches
    cases = {sql: partial(timed, partial(rows, sql), repeat) for sql in (ours, theirs)}
    view, by_hand = (time.cpu for time in interleaved(ROUNDS, cases).values())
    ratio = view / by_hand
    measured = f"{view * 1e3:.3f} ms; by hand {by_hand * 1e3:.3f} ms (CPU)"
    return Result(what, measured, f"{ratio:.2f}x", "<= 1.5x", ratio <= 1.5)


if __name__ == "__main__":
    main("Views", run)
