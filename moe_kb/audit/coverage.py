"""What is missing, and what leads to nothing."""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator

from moe_kb.audit.issue import Issue


def unplaced_paper(connection: sqlite3.Connection) -> Iterator[Issue]:
    """A paper about mixtures of experts has no place in a taxonomy."""
    rows = connection.execute(
        "SELECT record FROM papers WHERE scope = 'core' AND "
        "NOT EXISTS (SELECT 1 FROM placements p WHERE p.record = papers.record) ORDER BY 1"
    )
    for (paper,) in rows.fetchall():
        yield Issue(paper, "no source at hand places it in a taxonomy", None, "placements")


def design_without_equations(connection: sqlite3.Connection) -> Iterator[Issue]:
    """A gating function, loss, expert or parameter-efficient mixture has neither equations nor steps."""
    rows = connection.execute(
        "SELECT r.record FROM records r JOIN designs d ON r.record = d.record "
        "WHERE d.component IN ('gating', 'loss', 'expert', 'peft') AND r.content ->> 'algorithm' IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM equations e WHERE e.record = r.record) ORDER BY 1"
    )
    for (design,) in rows.fetchall():
        yield Issue(design, "has neither equations nor steps", None, "equations")


def design_without_implementation(connection: sqlite3.Connection) -> Iterator[Issue]:
    """A gating function cannot be run."""
    for (design,) in connection.execute("SELECT record FROM designs_without_implementation ORDER BY 1").fetchall():
        yield Issue(design, "no installed implementation runs it", None, "implementation")


def model_without_configuration(connection: sqlite3.Connection) -> Iterator[Issue]:
    """A model has no configuration at all, or is open and none of its layers are described."""
    rows = connection.execute(
        "SELECT record, n_configurations, openness FROM models m WHERE n_configurations = 0 OR "
        "(openness = 'open' AND NOT EXISTS (SELECT 1 FROM configurations c "
        "WHERE c.record = m.record AND c.architecture IS NOT NULL)) ORDER BY 1"
    )
    for model, number, openness in rows.fetchall():
        what = "none of its configurations describes its layers" if number else "has no configuration"
        yield Issue(model, f"{what}{', though it is open' if openness == 'open' else ''}", None, "configurations")


def missing_implementation(connection: sqlite3.Connection) -> Iterator[Issue]:
    """A design names an implementation that is not installed."""
    rows = connection.execute(
        "SELECT record, implementation FROM designs "
        "WHERE implementation NOT IN (SELECT key FROM implementations) ORDER BY 1"
    )
    for design, implementation in rows.fetchall():
        yield Issue(
            design, f"names the implementation {implementation!r}, which is not installed", None, "implementation"
        )


def one_sided_implementation(connection: sqlite3.Connection) -> Iterator[Issue]:
    """An installed implementation says that it runs a design whose record names none."""
    without = {row[0] for row in connection.execute("SELECT key FROM designs WHERE implementation IS NULL")}
    for implementation, designs in connection.execute("SELECT key, designs FROM implementations ORDER BY 1").fetchall():
        for design in sorted(without.intersection(designs.split("; "))):
            message = f"the implementation {implementation!r} says that it runs it, but the record names none"
            yield Issue(f"design:{design}", message, None, "implementation", implementation)


_ROW = re.compile(r"^(.*?),? rows? (\d+)((?:(?:, | and |, and )\d+)*)$")


def row_that_does_not_exist(connection: sqlite3.Connection) -> Iterator[Issue]:
    """A locator names a row that the transcribed table does not have."""
    rows: dict[tuple[str, str], set[str]] = defaultdict(set)
    tables = connection.execute(
        "SELECT r.content ->> 'source', r.content ->> 'locator', t.row FROM records r "
        "JOIN table_rows t ON t.record = r.record WHERE r.kind = 'table'"
    )
    for source, locator, row in tables:
        rows[source, locator].add(row)
    cited = connection.execute(
        "SELECT DISTINCT record, source, locator FROM claims WHERE locator LIKE '%row%' AND table_row IS NULL UNION "
        "SELECT record, source, locator FROM edges WHERE locator LIKE '%row%' UNION "
        "SELECT record, source, locator FROM placements WHERE locator LIKE '%row%' ORDER BY 1, 2, 3"
    )
    for record, source, locator in cited.fetchall():
        match = _ROW.fullmatch(locator)
        if match is None or (source, match[1]) not in rows:
            continue
        for number in [match[2], *re.findall(r"\d+", match[3])]:
            if number not in rows[source, match[1]]:
                message = f"cites {source}, {locator}, but the transcribed table has no row {number}"
                yield Issue(record, message, None, "locator", f"{source}, {match[1]}, {number}", sources=(source,))


def reference_to_nothing(connection: sqlite3.Connection) -> Iterator[Issue]:
    """A record refers to a record or taxonomy node that does not exist."""
    rows = connection.execute(
        "SELECT record, target FROM record_references WHERE target NOT IN (SELECT record FROM records) "
        "AND target NOT IN (SELECT 'node:' || taxonomy || ':' || node FROM nodes) ORDER BY record, target"
    )
    for record, target in rows.fetchall():
        yield Issue(record, f"refers to {target}, which does not exist", None, "reference", target)
