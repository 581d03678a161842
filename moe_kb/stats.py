"""What is here, counted, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moe_kb.kb import KnowledgeBase

GATING_BRANCH = "algorithm/gating-function"

_GATING_PAPERS_WITHOUT_DESIGN = """
SELECT DISTINCT l.record FROM placements l JOIN node_ancestors a ON a.taxonomy = l.taxonomy AND a.node = l.node
WHERE l.taxonomy = 'survey-a' AND a.ancestor = ? AND l.record LIKE 'paper:%'
  AND l.record NOT IN (SELECT u.by FROM usages u JOIN designs d ON u.record = 'design:' || d.key
                       WHERE d.component = 'gating' AND u.role IN ('introduces', 'uses', 'modifies'))
ORDER BY l.record"""


def stats(kb: KnowledgeBase) -> dict[str, Any]:
    """Counts by kind, component, taxonomy and table, and the lists of what is missing."""

    def pairs(sql: str) -> dict[str, int]:
        return {row["k"]: row["n"] for row in kb.rows(sql)}

    def one(sql: str) -> int:
        return int(kb.rows(sql)[0]["n"])

    def names(sql: str, *parameters: str) -> list[str]:
        return [row["record"] for row in kb.rows(sql, parameters)]

    placements = pairs("SELECT taxonomy AS k, count(*) AS n FROM placements WHERE record LIKE 'paper:%' GROUP BY 1")
    return {
        "records": pairs("SELECT kind AS k, count(*) AS n FROM records GROUP BY 1"),
        "papers_by_survey": {
            "survey-a": one(
                "SELECT count(DISTINCT record) AS n FROM claims WHERE field = 'title' AND record LIKE 'paper:%' "
                "AND source IN ('survey-a', 'survey-a-repository')"
            ),
            "survey-b": one(
                "SELECT count(DISTINCT record) AS n FROM record_references WHERE record LIKE 'paper:%' "
                "AND target = 'source:survey-b'"
            ),
        },
        "designs_by_component": pairs("SELECT component AS k, count(*) AS n FROM designs GROUP BY 1"),
        "configurations": one("SELECT count(*) AS n FROM configurations"),
        "released_configurations": one("SELECT count(*) AS n FROM configurations WHERE released_config"),
        "claims": one("SELECT count(*) AS n FROM claims WHERE NOT repeats"),
        "claims_by_status": pairs("SELECT status AS k, count(*) AS n FROM claims WHERE NOT repeats GROUP BY 1"),
        "disagreements": {
            "open": one("SELECT count(*) AS n FROM disagreements WHERE NOT resolved"),
            "resolved": one("SELECT count(*) AS n FROM disagreements WHERE resolved"),
        },
        "edges_by_type": pairs("SELECT type AS k, count(*) AS n FROM edges GROUP BY 1"),
        "taxonomies": {
            row["key"]: {
                "nodes": row["n"],
                "leaves": row["leaves"],
                "placements": placements.get(row["key"], 0),
                "papers_placed": one(
                    "SELECT count(DISTINCT record) AS n FROM placements WHERE record LIKE 'paper:%' "
                    f"AND taxonomy = '{row['key']}'"
                ),
                "printed_names": sum(
                    len(r["printed_as"].split("; "))
                    for r in kb.rows(
                        "SELECT printed_as FROM placements WHERE taxonomy = ? AND record LIKE 'paper:%' "
                        "AND printed_as IS NOT NULL",
                        (row["key"],),
                    )
                ),
            }
            for row in kb.rows(
                "SELECT t.key, count(*) AS n, sum(leaf) AS leaves FROM taxonomies t JOIN nodes n ON n.taxonomy = t.key "
                "GROUP BY t.key"
            )
        },
        "mappings": one("SELECT count(*) AS n FROM mappings"),
        "table_rows": pairs("SELECT substr(record, 7) AS k, count(*) AS n FROM table_rows GROUP BY 1"),
        "implementations": pairs("SELECT status AS k, count(*) AS n FROM implementations GROUP BY 1"),
        "gating_designs_with_implementation": names(
            "SELECT 'design:' || key AS record FROM designs WHERE component = 'gating' "
            "AND key NOT IN (SELECT key FROM designs_without_implementation) ORDER BY 1"
        ),
        "missing": {
            "gating_branch_papers_without_design": names(_GATING_PAPERS_WITHOUT_DESIGN, GATING_BRANCH),
            "papers_without_summary": names(
                "SELECT record FROM records WHERE kind = 'paper' AND summary IS NULL ORDER BY 1"
            ),
            "designs_without_equation_or_steps": names(
                "SELECT 'design:' || d.key AS record FROM designs d JOIN records r ON r.record = 'design:' || d.key "
                "WHERE NOT EXISTS (SELECT 1 FROM equations e WHERE e.record = r.record) "
                "AND json_extract(r.content, '$.algorithm') IS NULL ORDER BY 1"
            ),
            "gating_designs_without_implementation": names(
                "SELECT 'design:' || key AS record FROM designs_without_implementation ORDER BY 1"
            ),
            "models_without_configuration": names(
                "SELECT 'model:' || key AS record FROM models WHERE n_configurations = 0 ORDER BY 1"
            ),
        },
    }
