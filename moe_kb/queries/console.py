"""What the SQL console offers: the schema, saved questions, and a result as CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

from moe_kb.db.console import QueryResult
from moe_kb.db.reader import Reader


@dataclass(frozen=True, slots=True)
class Column:
    """A column and what it means."""

    name: str
    type: str
    description: str


@dataclass(frozen=True, slots=True)
class TableInfo:
    """A table or view with its columns."""

    name: str
    kind: str
    description: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """A question and the query that answers it."""

    question: str
    sql: str
    x: str | None = None
    y: str | None = None


def schema(reader: Reader) -> list[TableInfo]:
    """Every view, then every table, from the data dictionary inside the database."""
    columns: dict[str, list[Column]] = {}
    tables: dict[str, tuple[str, str]] = {}
    for table, column, kind, type_, description in reader.tuples(
        "SELECT table_name, column_name, kind, type, description FROM dictionary ORDER BY kind DESC, table_name, rowid"
    ):
        if column:
            columns.setdefault(table, []).append(Column(column, type_, description))
        else:
            tables[table] = kind, description
    return [TableInfo(name, *about, tuple(columns.get(name, ()))) for name, about in tables.items()]


def contents(reader: Reader, table: str) -> list[tuple[Any, ...]]:
    """Every row of a table or view, its columns in the order of `schema`."""
    return reader.tuples(f'SELECT * FROM "{table}"')


def first_rows(table: str) -> str:
    """A query for the first rows of a table or view."""
    return f"SELECT * FROM {table} LIMIT 50"


EXAMPLES = (
    Example(
        "How sparse are released models?",
        """SELECT name || ' ' || configuration AS model, released, params_total / 1e9 AS total_billions,
  params_active / 1e9 AS active_billions, round(100.0 * params_active / params_total, 1) AS active_percent
FROM hyperparameters WHERE params_active IS NOT NULL AND params_total IS NOT NULL
ORDER BY active_percent""",
        "total_billions",
        "active_percent",
    ),
    Example(
        "Which models use which router?",
        """SELECT design_name, count(*) AS models, group_concat(user_name, ', ') AS names
FROM models_by_router WHERE user_kind = 'model'
GROUP BY design ORDER BY models DESC""",
        "design_name",
        "models",
    ),
    Example(
        "Where do sources disagree?",
        """SELECT subject, configuration, field, values_seen,
  CASE resolved WHEN 1 THEN reason ELSE 'open' END AS resolved_by
FROM disagreements WHERE kind = 'values' AND subject LIKE 'model:%' ORDER BY resolved, subject, configuration""",
    ),
    Example(
        "Which gates renormalise their weights?",
        """SELECT name, year, chooser, experts_per_token, score, "order", renormalised, balancing
FROM gating_designs_compared WHERE renormalised IS NOT NULL ORDER BY renormalised, year""",
    ),
    Example(
        "How fine-grained are experts?",
        """SELECT name || ' ' || configuration AS model, n_routed_experts, experts_per_token, d_expert, d_model,
  round(1.0 * d_expert / d_model, 3) AS expert_width_over_model_width
FROM hyperparameters WHERE d_expert IS NOT NULL AND n_routed_experts IS NOT NULL
ORDER BY expert_width_over_model_width""",
        "n_routed_experts",
        "expert_width_over_model_width",
    ),
    Example(
        "Papers by branch of survey A and year",
        """SELECT p.year, substr(p.node, 1, instr(p.node || '/', '/') - 1) AS branch, count(DISTINCT p.key) AS papers
FROM papers_with_placements p WHERE p.taxonomy = 'survey-a'
GROUP BY p.year, branch ORDER BY p.year, branch""",
        "year",
        "papers",
    ),
    Example(
        "Which papers do both surveys place?",
        """SELECT key, name, year, count(DISTINCT taxonomy) AS surveys, group_concat(DISTINCT node_label) AS nodes
FROM papers_with_placements GROUP BY key HAVING surveys > 1 ORDER BY year, name""",
    ),
    Example(
        "What do MMLU scores cost in parameters?",
        """SELECT s.name || ' ' || s.configuration AS model, s.score AS mmlu, s.setting,
  h.params_active / 1e9 AS active_billions
FROM scores s JOIN hyperparameters h ON s.subject = h.record AND s.configuration = h.configuration
WHERE s.benchmark = 'mmlu' ORDER BY mmlu DESC""",
        "active_billions",
        "mmlu",
    ),
    Example(
        "How many claims rest on each source?",
        """SELECT key, type, claims, url FROM sources_by_use WHERE claims > 0 ORDER BY claims DESC""",
        "key",
        "claims",
    ),
    Example(
        "Which designs build on which?",
        """SELECT h.name AS design, e.type, t.name AS of_design, e.note, e.source, e.locator
FROM edges e JOIN records h ON h.record = e.head JOIN records t ON t.record = e.tail
WHERE h.kind = 'design' AND t.kind = 'design' ORDER BY t.name, h.name""",
    ),
    Example(
        "Which papers speak of load balancing?",
        """SELECT r.name, r.year, snippet(search, -1, '', '', ' … ', 24) AS passage
FROM search JOIN records r ON r.id = search.rowid
WHERE search MATCH '"load" "balancing"' AND r.kind = 'paper' ORDER BY rank LIMIT 25""",
    ),
    Example(
        "Which gating designs cannot be run yet?",
        """SELECT name, year, key FROM designs_without_implementation ORDER BY year, name""",
    ),
    Example(
        "Which devices compute most for a byte read?",
        """SELECT name, memory_bandwidth / 1e12 AS memory_tb_s, peak_bf16 / 1e12 AS bf16_tflops,
  round(1.0 * peak_bf16 / memory_bandwidth) AS ridge_flop_per_byte
FROM accelerators WHERE peak_bf16 IS NOT NULL ORDER BY ridge_flop_per_byte""",
        "memory_tb_s",
        "bf16_tflops",
    ),
)


def all_links(result: QueryResult, name: str) -> bool:
    """Whether a column holds web addresses and nothing else."""
    position = result.columns.index(name)
    values = [row[position] for row in result.rows if row[position] is not None]
    return bool(values) and all(isinstance(v, str) and v.startswith(("http://", "https://")) for v in values)


def numeric_columns(result: QueryResult) -> list[str]:
    """Columns whose values are numbers wherever there are any."""
    out = []
    for position, name in enumerate(result.columns):
        values = [row[position] for row in result.rows if row[position] is not None]
        if values and all(isinstance(value, (int, float)) for value in values):
            out.append(name)
    return out


def sensible_axes(result: QueryResult, sql: str = "") -> tuple[str | None, str | None]:
    """Columns to start a chart with: a saved question's own, else two numbers, else the first column and a number."""
    saved = next((example for example in EXAMPLES if example.x and example.sql == sql), None)
    if saved:
        return saved.x, saved.y
    numbers = numeric_columns(result)
    if len(numbers) >= 2:
        return numbers[0], numbers[1]
    if numbers:
        return next((name for name in result.columns if name != numbers[0]), None), numbers[0]
    return None, None


def to_csv(result: QueryResult) -> str:
    """A result as CSV with a header; nothing where a value is missing."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(result.columns)
    for row in result.rows:
        writer.writerow(["" if value is None else value.hex() if isinstance(value, bytes) else value for value in row])
    return out.getvalue()
