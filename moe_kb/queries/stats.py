"""What is here, counted, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass

from moe_kb.db.reader import Reader

GATING_BRANCH = "algorithm/gating-function"

_GATING_PAPERS_WITHOUT_DESIGN = """
SELECT DISTINCT l.record FROM placements l JOIN node_ancestors a ON a.taxonomy = l.taxonomy AND a.node = l.node
WHERE l.taxonomy = 'survey-a' AND a.ancestor = ? AND l.record LIKE 'paper:%'
  AND l.record NOT IN (SELECT u.by FROM usages u JOIN designs d ON u.record = d.record
                       WHERE d.component = 'gating' AND u.role IN ('introduces', 'uses', 'modifies'))
ORDER BY l.record"""


@dataclass(frozen=True, slots=True)
class TaxonomyCounts:
    """A taxonomy in numbers; placements are those of papers."""

    nodes: int
    leaves: int
    placements: int
    papers_placed: int
    printed_names: int


@dataclass(frozen=True, slots=True)
class Missing:
    """Full names of records that lack something."""

    gating_branch_papers_without_design: list[str]
    papers_without_summary: list[str]
    designs_without_equation_or_steps: list[str]
    gating_designs_without_implementation: list[str]
    models_without_configuration: list[str]


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts by kind, component, taxonomy and table, and what is missing."""

    records: dict[str, int]
    papers_by_survey: dict[str, int]
    designs_by_component: dict[str, int]
    configurations: int
    released_configurations: int
    claims: int
    claims_by_status: dict[str, int]
    disagreements: dict[str, int]
    """`open` and `resolved`."""
    edges_by_type: dict[str, int]
    taxonomies: dict[str, TaxonomyCounts]
    mappings: int
    table_rows: dict[str, int]
    implementations: dict[str, int]
    """By status."""
    gating_designs_with_implementation: list[str]
    missing: Missing


def stats(reader: Reader) -> Stats:
    """Count everything."""

    def by(column: str, table: str) -> dict[str, int]:
        return dict(reader.tuples(f"SELECT {column}, count(*) FROM {table} GROUP BY 1"))

    def number(rows: str, counted: str = "*") -> int:
        return int(reader.value(f"SELECT count({counted}) FROM {rows}"))

    return Stats(
        records=by("kind", "records"),
        papers_by_survey={
            "survey-a": number(
                "claims WHERE field = 'title' AND record LIKE 'paper:%' "
                "AND source IN ('survey-a', 'survey-a-repository')",
                "DISTINCT record",
            ),
            "survey-b": number(
                "record_references WHERE record LIKE 'paper:%' AND target = 'source:survey-b'", "DISTINCT record"
            ),
        },
        designs_by_component=by("component", "designs"),
        configurations=number("configurations"),
        released_configurations=number("configurations WHERE released_config"),
        claims=number("claims_counted"),
        claims_by_status=by("status", "claims_counted"),
        disagreements={
            "open": number("disagreements WHERE NOT resolved"),
            "resolved": number("disagreements WHERE resolved"),
        },
        edges_by_type=by("type", "edges"),
        taxonomies=_taxonomies(reader),
        mappings=number("mappings"),
        table_rows={table.partition(":")[2]: rows for table, rows in by("record", "table_rows").items()},
        implementations=by("status", "implementations"),
        gating_designs_with_implementation=reader.values(
            "SELECT record FROM designs WHERE component = 'gating' "
            "AND key NOT IN (SELECT key FROM designs_without_implementation) ORDER BY 1"
        ),
        missing=Missing(
            reader.values(_GATING_PAPERS_WITHOUT_DESIGN, (GATING_BRANCH,)),
            reader.values("SELECT record FROM records WHERE kind = 'paper' AND summary IS NULL ORDER BY 1"),
            reader.values(
                "SELECT record FROM records r WHERE kind = 'design' AND json_extract(content, '$.algorithm') IS NULL "
                "AND NOT EXISTS (SELECT 1 FROM equations e WHERE e.record = r.record) ORDER BY 1"
            ),
            reader.values("SELECT record FROM designs_without_implementation ORDER BY 1"),
            reader.values("SELECT record FROM models WHERE n_configurations = 0 ORDER BY 1"),
        ),
    )


def _taxonomies(reader: Reader) -> dict[str, TaxonomyCounts]:
    # A placement's printed names stand in one cell, parted by "; ".
    return {
        taxonomy: TaxonomyCounts(*counts)
        for taxonomy, *counts in reader.tuples(
            "SELECT n.taxonomy, count(*), sum(leaf), coalesce(p.placements, 0), coalesce(p.papers, 0), "
            "coalesce(p.names, 0) FROM nodes n LEFT JOIN (SELECT taxonomy, count(*) AS placements, "
            "count(DISTINCT record) AS papers, "
            "sum((length(printed_as) - length(replace(printed_as, '; ', ''))) / 2 + 1) AS names "
            "FROM placements WHERE record LIKE 'paper:%' GROUP BY taxonomy) p ON p.taxonomy = n.taxonomy "
            "GROUP BY n.taxonomy"
        )
    }
