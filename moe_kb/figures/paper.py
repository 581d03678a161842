"""What a paper's page shows beside the record itself: its placements, the designs and models tied to it, its links."""

from __future__ import annotations

from dataclasses import dataclass

from moe_kb.figures.taxonomy import choices
from moe_kb.kb import KnowledgeBase
from moe_kb.records import Paper


@dataclass(frozen=True, slots=True)
class Place:
    """A place that a source gives the paper in a taxonomy."""

    node: str
    """Full name, `taxonomy:path`."""
    label: str
    path: str
    """Labels from the top."""
    printed: str | None
    source: str
    locator: str | None


@dataclass(frozen=True, slots=True)
class DesignUse:
    """A design that the paper introduces, uses, modifies or studies."""

    record: str
    label: str
    component: str
    role: str
    status: str
    note: str | None
    source: str
    locator: str | None


@dataclass(frozen=True, slots=True)
class PaperPage:
    """Rows of a paper's page."""

    placements: list[Place]
    designs: list[DesignUse]
    """Introduced ones first."""
    models: list[tuple[str, str]]
    """Full name and name of the models it describes."""


def page(kb: KnowledgeBase, record: str) -> PaperPage:
    """Everything the page shows that stands in other records or in taxonomies."""
    labels = choices(kb)
    placements = [
        Place(name, row["label"], labels.get(name, name), row["printed_as"], row["source"], row["locator"])
        for row in kb.rows(
            "SELECT p.*, n.label, n.position FROM placements p "
            "JOIN nodes n ON n.taxonomy = p.taxonomy AND n.node = p.node "
            "WHERE p.record = ? ORDER BY p.taxonomy, n.position",
            (record,),
        )
        for name in [f"{row['taxonomy']}:{row['node']}"]
    ]
    designs = [
        DesignUse(
            row["record"],
            f"{row['name']} ({row['component']})",
            row["component"],
            row["role"],
            row["status"],
            row["note"],
            row["source"],
            row["locator"],
        )
        for row in kb.rows(
            "SELECT u.*, d.name, d.component FROM usages u JOIN designs d ON 'design:' || d.key = u.record "
            "WHERE u.by = ? ORDER BY u.role != 'introduces', u.role, d.component, d.name",
            (record,),
        )
    ]
    models = [
        (row["head"], row["name"])
        for row in kb.rows(
            "SELECT DISTINCT e.head, r.name FROM edges e JOIN records r ON r.record = e.head "
            "WHERE e.tail = ? AND e.type = 'described-by' AND r.kind = 'model' ORDER BY r.name",
            (record,),
        )
    ]
    return PaperPage(placements, designs, models)


def links(paper: Paper) -> dict[str, str]:
    """Label to address of every place the paper can be seen, each address once."""
    out: dict[str, str] = {}
    for label, address in (
        ("Paper", paper.links.paper if paper.links else None),
        ("Code", paper.links.code if paper.links else None),
        ("Project", paper.links.project if paper.links else None),
        ("arXiv", f"https://arxiv.org/abs/{paper.ids.arxiv}" if paper.ids and paper.ids.arxiv else None),
        ("DOI", f"https://doi.org/{paper.ids.doi}" if paper.ids and paper.ids.doi else None),
        (
            "OpenReview",
            f"https://openreview.net/forum?id={paper.ids.openreview}" if paper.ids and paper.ids.openreview else None,
        ),
        ("ACL Anthology", f"https://aclanthology.org/{paper.ids.acl}" if paper.ids and paper.ids.acl else None),
    ):
        if address and address not in out.values():
            out[label] = address
    return out
