"""Papers as rows to search, filter and sort."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from moe_kb.db.search import Hit
from moe_kb.kb import KnowledgeBase

#: Everything a person could want to list at once; far above any number of papers this project will hold.
MANY = 100_000


@dataclass(frozen=True, slots=True)
class Facets:
    """What the list is narrowed to; empty values do not narrow."""

    text: str = ""
    node: str | None = None
    years: tuple[int, int] | None = None
    venues: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    with_code: bool = False


def venue_family(venue: str | None) -> str | None:
    """A venue without its year and volume, so that the years of a conference are one choice.

    >>> venue_family("ICLR 2021"), venue_family("ArXiv 2024"), venue_family("NIPS 2022")
    ('ICLR', 'arXiv', 'NeurIPS')
    """
    if not venue:
        return None
    name = re.sub(r"[\s,]*(\d+\(\d+\)|\b(19|20)\d\d)$", "", venue.strip()) or venue.strip()
    known = {"arxiv": "arXiv", "nips": "NeurIPS", "neurips": "NeurIPS"}
    return known.get(name.lower(), name)


def catalogue(kb: KnowledgeBase) -> list[dict[str, Any]]:
    """Every paper, newest first: record, name, title, year, venue (and its family), authors, scope, links, how many
    designs it introduces, and the nodes it is placed at."""
    designs: dict[str, int] = {
        row["by"]: row["n"]
        for row in kb.rows("SELECT by, count(DISTINCT record) AS n FROM usages WHERE role = 'introduces' GROUP BY by")
    }
    nodes: dict[str, list[str]] = defaultdict(list)
    for row in kb.rows(
        "SELECT p.record, n.label FROM placements p JOIN nodes n ON n.taxonomy = p.taxonomy AND n.node = p.node "
        "ORDER BY p.taxonomy, n.position"
    ):
        if row["label"] not in nodes[row["record"]]:
            nodes[row["record"]].append(row["label"])
    out = []
    for row in kb.rows("SELECT * FROM papers ORDER BY year DESC, coalesce(date, '') DESC, name COLLATE NOCASE"):
        record = f"paper:{row['key']}"
        out.append(
            {
                "record": record,
                "name": row["name"],
                "title": row["title"],
                "year": row["year"],
                "venue": row["venue"],
                "family": venue_family(row["venue"]),
                "authors": _short(row["authors"]),
                "scope": row["scope"],
                "url": row["url"] or (f"https://arxiv.org/abs/{row['arxiv']}" if row["arxiv"] else None),
                "code": row["code_url"],
                "designs": designs.get(record, 0),
                "nodes": nodes.get(record, []),
            }
        )
    return out


def _short(authors: str) -> str:
    """First two authors; the paper's page names them all."""
    names = [name for name in authors.split("; ") if name]
    return ", ".join(names[:2]) + (" et al." if len(names) > 2 else "")


def venues(rows: list[dict[str, Any]]) -> list[str]:
    """Venue families, those with most papers first."""
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        if row["family"]:
            counts[row["family"]] += 1
    return sorted(counts, key=lambda name: (-counts[name], name.lower()))


def select(kb: KnowledgeBase, rows: list[dict[str, Any]], facets: Facets) -> list[dict[str, Any]]:
    """The rows that pass; with a text, best match first and with `found`, the words around the match."""
    if facets.text or facets.node:
        hits = kb.search(facets.text, kind="paper", node=facets.node, limit=MANY)
        by_record = {row["record"]: row for row in rows}
        if facets.text:
            rows = [by_record[hit.record] | {"found": _around(hit.snippet)} for hit in hits if hit.record in by_record]
        else:
            kept = {hit.record for hit in hits}
            rows = [row for row in rows if row["record"] in kept]
    first, last = facets.years or (0, 9999)
    return [
        row
        for row in rows
        if first <= row["year"] <= last
        and (not facets.venues or row["family"] in facets.venues)
        and (not facets.scopes or row["scope"] in facets.scopes)
        and (not facets.with_code or row["code"])
    ]


def elsewhere(kb: KnowledgeBase, text: str, most: int = 6) -> list[Hit]:
    """The best designs, models and systems for a text: what a person may have meant where no paper is so called."""
    hits = kb.search(text, limit=20 * most)
    return [hit for hit in hits if hit.kind in ("design", "model", "system")][:most]


def _around(snippet: str) -> str:
    return " ".join(snippet.replace("[", "").replace("]", "").split())
