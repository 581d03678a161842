"""Views: one per question people ask, each with its description."""

from __future__ import annotations

from moe_kb.fields import BENCHMARKS, GATING_PROPERTIES, HYPERPARAMETER_WORDS, HYPERPARAMETERS

_numbers = ",\n  ".join(f"max(c.number) FILTER (WHERE c.field = '{f}') AS {f}" for f in HYPERPARAMETERS)
_words = ",\n  ".join(f"max(c.value) FILTER (WHERE c.field = '{f}') AS {f}" for f in HYPERPARAMETER_WORDS)

_properties = ",\n  ".join(
    f"max(p.value) FILTER (WHERE p.property = '{name}') AS \"{name}\"" for name in GATING_PROPERTIES
)

_cells = ",\n  ".join(
    f"max(c.value) FILTER (WHERE c.field = '{field}') AS {field}"
    for field in ("released", "openness", "domain", "organisation")
)

_benchmarks = ", ".join(f"'{name}'" for name in BENCHMARKS)

#: View to its description and its SQL. SQLite carries a filter on a view down to the tables only where the column is
#: not computed and, if the view groups, is grouped by.
VIEWS: dict[str, tuple[str, str]] = {
    "papers_with_placements": (
        "Papers with every place a survey gives them.",
        """SELECT p.key, p.record, p.name, p.title, p.year, p.venue, p.arxiv, l.taxonomy, l.node, n.label AS node_label,
  l.printed_as, l.source, l.locator
FROM papers p JOIN placements l ON l.record = p.record
JOIN nodes n ON n.taxonomy = l.taxonomy AND n.node = l.node""",
    ),
    "gating_designs_compared": (
        "Gating designs side by side: one row a design, one column a typed property.",
        f"""SELECT d.key, d.record, d.name, d.year,
  {_properties},
  d.implementation
FROM designs d LEFT JOIN design_properties p ON p.record = d.record
WHERE d.component = 'gating' GROUP BY d.key""",
    ),
    "models_by_router": (
        "Which models and papers use which router, and who says so.",
        """SELECT d.key AS design, d.name AS design_name, r.kind AS user_kind, r.key AS user, r.name AS user_name,
  r.year,
  group_concat(DISTINCT e.type) AS roles, group_concat(DISTINCT e.source) AS sources,
  min(e.status = 'derived') AS only_inferred
FROM edges e JOIN designs d ON e.tail = d.record JOIN records r ON r.record = e.head
WHERE d.component = 'gating' AND r.kind IN ('model', 'paper') AND e.type IN ('introduces', 'uses', 'modifies')
GROUP BY d.key, r.record""",
    ),
    "hyperparameters": (
        "Preferred hyperparameters: one row a configuration; the sources of each value are in claims.",
        f"""SELECT m.key AS model, m.record, m.name, c.configuration AS configuration, m.organisation,
  m.released, m.openness,
  {_numbers},
  {_words}
FROM claims c JOIN models m ON c.subject = m.record
WHERE c.preferred AND c.configuration IS NOT NULL AND c.setting IS NULL GROUP BY m.key, c.configuration""",
    ),
    "claims_counted": (
        "Claims, each once: what a source says twice (in a record's own field and in its table) stands here once.",
        """SELECT id, record, subject, configuration, field, value, number, printed, unit, status, counting, scope,
  setting, source, locator, table_row, note, preferred
FROM claims WHERE NOT repeats""",
    ),
    "open_disagreements": (
        "Disagreements between sources that no note has closed yet.",
        "SELECT kind, subject, configuration, field, setting, values_seen FROM disagreements WHERE NOT resolved",
    ),
    "timeline": (
        "Models of the surveys' timelines, as drawn there, with the record each is about.",
        f"""SELECT substr(t.record, 7) AS timeline, t.row, t.label,
  {_cells},
  t.subject
FROM table_rows t JOIN claims c ON c.table_row = substr(t.record, 7) || '#' || t.row
WHERE t.record IN ('table:survey-a-figure-1', 'table:timeline-2025') GROUP BY t.id, t.row, t.label, t.subject""",
    ),
    "scores": (
        "Benchmark scores with their settings and sources.",
        f"""SELECT c.subject, r.name, c.configuration AS configuration, c.field AS benchmark, c.number AS score, c.unit,
  c.setting, c.source, c.locator
FROM claims c JOIN records r ON r.record = c.subject
WHERE c.field IN ({_benchmarks}) AND c.number IS NOT NULL""",
    ),
    "designs_without_implementation": (
        "Gating designs that cannot be run yet.",
        """SELECT d.key, d.record, d.name, d.year FROM designs d
WHERE d.component = 'gating' AND (d.implementation IS NULL
  OR d.implementation NOT IN (SELECT key FROM implementations))""",
    ),
    "sources_by_use": (
        "Sources with the number of claims they make and of records that cite them anywhere.",
        """SELECT s.key, s.record, s.name, s.type, s.url,
  (SELECT count(*) FROM claims c WHERE c.source = s.key) AS claims,
  (SELECT count(DISTINCT m.record) FROM record_references m WHERE m.target = s.record) AS records
FROM sources s""",
    ),
}
