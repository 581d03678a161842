"""What the SQL console offers: the schema, saved questions, and charts and CSV of a result."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from moe_kb.db.console import QueryResult
from moe_kb.errors import QueryError
from moe_kb.figures.palette import COLOURS
from moe_kb.kb import KnowledgeBase

KINDS = {"scatter": "Points", "line": "Line", "bar": "Bars", "histogram": "Histogram"}
MAX_GROUPS = 12
#: A second round through the colours has another marker.
MARKERS = ("circle", "diamond")


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


def schema(kb: KnowledgeBase) -> list[TableInfo]:
    """Every view, then every table, from the data dictionary inside the database."""
    rows = kb.rows("SELECT * FROM dictionary ORDER BY kind DESC, table_name, rowid")
    tables: dict[str, dict[str, Any]] = {}
    for row in rows:
        table = tables.setdefault(row["table_name"], {"kind": row["kind"], "description": "", "columns": []})
        if row["column_name"]:
            table["columns"].append(Column(row["column_name"], row["type"], row["description"]))
        else:
            table["description"] = row["description"]
    return [
        TableInfo(name, table["kind"], table["description"], tuple(table["columns"])) for name, table in tables.items()
    ]


EXAMPLES = (
    Example(
        "How sparse are released models?",
        """SELECT m.name || ' ' || h.configuration AS model, h.released, h.params_total / 1e9 AS total_billions,
  h.params_active / 1e9 AS active_billions, round(100.0 * h.params_active / h.params_total, 1) AS active_percent
FROM hyperparameters h JOIN models m ON m.key = h.model
WHERE h.params_active IS NOT NULL AND h.params_total IS NOT NULL
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
  CASE resolved WHEN 1 THEN reason ELSE 'open' END AS settled_by
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
FROM scores s JOIN hyperparameters h ON s.subject = 'model:' || h.model AND s.configuration = h.configuration
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


def ask(kb: KnowledgeBase, sql: str) -> QueryResult | str:
    """The guarded result of a query, or what is wrong with it in words."""
    try:
        return kb.query(sql)
    except QueryError as error:
        return str(error)


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


def result_chart(
    result: QueryResult,
    kind: str,
    x: str,
    y: str | None = None,
    *,
    group: str | None = None,
    log_x: bool = False,
    log_y: bool = False,
) -> go.Figure:
    """A chart of two columns of a result.

    Args:
        result: Of a query.
        kind: One of `KINDS`.
        x: A column.
        y: A column of numbers; a histogram needs none.
        group: Column whose values become colours, at most twelve, the rest together.
        log_x: Logarithmic axis for numbers.
        log_y: The same for the other axis.
    """
    place = {name: position for position, name in enumerate(result.columns)}
    names = _names(result)
    groups: dict[str, list[tuple[Any, ...]]] = {}
    for row in result.rows:
        label = str(row[place[group]]) if group else ""
        if label not in groups and len(groups) >= MAX_GROUPS:
            label = "other"
        groups.setdefault(label, []).append(row)
    figure = go.Figure()
    for number, (label, rows) in enumerate(groups.items()):
        colour = COLOURS[number % len(COLOURS)]
        horizontal = [row[place[x]] for row in rows]
        if kind == "histogram":
            figure.add_histogram(x=horizontal, name=label, marker_color=colour)
            continue
        assert y is not None
        vertical = [row[place[y]] for row in rows]
        if kind == "bar":
            figure.add_bar(x=horizontal, y=vertical, name=label, marker_color=colour)
            continue
        hover = [names(row) for row in rows]
        figure.add_scatter(
            x=horizontal,
            y=vertical,
            name=label,
            mode="lines+markers" if kind == "line" else "markers",
            marker={"size": 9, "opacity": 0.85, "color": colour, "symbol": MARKERS[number // len(COLOURS)]},
            customdata=hover,
            hovertemplate="%{customdata}<br>" + f"{x}: %{{x}}<br>{y}: %{{y}}<extra></extra>",
        )
    numbers = set(numeric_columns(result))
    figure.update_layout(
        height=480,
        margin={"l": 10, "r": 10, "t": 30, "b": 10},
        showlegend=group is not None,
        barmode="stack",
        legend={"title": {"text": group or ""}},
        xaxis={"title": {"text": x}, "automargin": True} | _scale(x, x in numbers, log_x),
        yaxis={"title": {"text": "rows" if kind == "histogram" else y}, "automargin": True}
        | _scale(y or "", True, log_y),
    )
    return figure


def _scale(name: str, number: bool, log: bool) -> dict[str, Any]:
    if not number:
        return {"type": "category"}
    if log:
        return {"type": "log", "dtick": "D2", "exponentformat": "B"}
    return {"tickformat": "d"} if name == "year" else {"exponentformat": "B"}


def _names(result: QueryResult) -> Any:
    """What a point is called: the first column that holds text."""
    numbers = set(numeric_columns(result))
    position = next((i for i, name in enumerate(result.columns) if name not in numbers), None)

    def name(row: Sequence[Any]) -> str:
        text = "" if position is None or row[position] is None else str(row[position])
        return text[:80].replace("&", "&amp;").replace("<", "&lt;")

    return name


def to_csv(result: QueryResult) -> str:
    """A result as CSV with a header; nothing where a value is missing."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(result.columns)
    for row in result.rows:
        writer.writerow(["" if value is None else value.hex() if isinstance(value, bytes) else value for value in row])
    return out.getvalue()
