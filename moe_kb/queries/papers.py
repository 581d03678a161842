"""Papers to search, filter and sort, and what a paper's page shows beside the record itself."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from moe_kb.db.reader import Reader
from moe_kb.db.search import hits
from moe_kb.format import sentence_case
from moe_kb.queries.taxonomy import node_labels

if TYPE_CHECKING:
    from moe_kb.records import Paper

#: Everything a person could want to list at once; far above any number of papers this project will hold.
MANY = 100_000


@dataclass(frozen=True, slots=True)
class PaperRow:
    """A paper in a line of the catalogue."""

    record: str
    name: str
    title: str
    year: int
    venue: str | None
    authors: str
    """The first two; the paper's page names them all."""
    scope: str
    url: str | None
    code: str | None
    designs: int
    """How many it introduces."""
    summary: str | None
    nodes: tuple[str, ...]
    """Labels of the nodes it is placed at."""
    found: tuple[tuple[str, bool], ...] = ()
    """The words around the match of a search, in pieces, each with whether it was asked for."""

    @property
    def venue_family(self) -> str | None:
        """The venue without its year."""
        return venue_family(self.venue)


@dataclass(frozen=True, slots=True)
class Facets:
    """What the list is narrowed to; empty values do not narrow."""

    text: str = ""
    node: str | None = None
    years: tuple[int, int] | None = None
    venues: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    with_code: bool = False


@dataclass(frozen=True, slots=True)
class PaperPlacement:
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
    name: str
    component: str
    role: str
    status: str
    note: str | None
    source: str
    locator: str | None


@dataclass(frozen=True, slots=True)
class PaperPage:
    """What stands of a paper in other records or in taxonomies."""

    placements: list[PaperPlacement]
    designs: list[DesignUse]
    """Introduced ones first."""
    models: dict[str, str]
    """Full name to name of the models it describes."""


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


def papers(reader: Reader) -> list[PaperRow]:
    """Every paper, newest first."""
    nodes: dict[str, list[str]] = defaultdict(list)
    for record, label in reader.tuples(
        "SELECT p.record, n.label FROM placements p JOIN nodes n ON n.taxonomy = p.taxonomy AND n.node = p.node "
        "ORDER BY p.taxonomy, n.position"
    ):
        nodes[record].append(sentence_case(label))
    return [
        PaperRow(
            record,
            name,
            title,
            year,
            venue,
            _first_two(authors),
            scope,
            url,
            code,
            designs,
            summary,
            nodes=tuple(dict.fromkeys(nodes[record])),
        )
        for record, name, title, year, venue, authors, scope, url, code, designs, summary in reader.tuples(
            "SELECT p.record, p.name, p.title, p.year, p.venue, p.authors, p.scope, "
            "coalesce(p.url, 'https://arxiv.org/abs/' || p.arxiv), p.code_url, "
            "(SELECT count(DISTINCT u.record) FROM usages u WHERE u.by = p.record AND u.role = 'introduces'), "
            "p.summary FROM papers p ORDER BY p.year DESC, coalesce(p.date, '') DESC, p.name COLLATE NOCASE"
        )
    ]


def _first_two(authors: str) -> str:
    names = [name for name in authors.split("; ") if name]
    return ", ".join(names[:2]) + (" et al." if len(names) > 2 else "")


def venues(found: Sequence[PaperRow]) -> list[str]:
    """Venue families, those with most papers first."""
    counts = Counter(paper.venue_family for paper in found if paper.venue_family)
    return sorted(filter(None, counts), key=lambda name: (-counts[name], name.lower()))


def select_papers(reader: Reader, found: Sequence[PaperRow], facets: Facets, most: int | None = None) -> list[PaperRow]:
    """The papers that pass, at most so many; with a text, best match first and with the words around the match."""
    chosen: Iterable[PaperRow] = found
    if facets.text:
        by_record = {paper.record: paper for paper in found}
        chosen = (
            replace(by_record[hit.record], found=tuple(hit.pieces))
            for hit in hits(reader.connection, facets.text, kind="paper", node=facets.node, limit=MANY)
            if hit.record in by_record
        )
    elif facets.node:
        kept = placed(reader, facets.node)
        chosen = (paper for paper in found if paper.record in kept)
    first, last = facets.years or (0, 9999)
    passing = (
        paper
        for paper in chosen
        if first <= paper.year <= last
        and (not facets.venues or paper.venue_family in facets.venues)
        and (not facets.scopes or paper.scope in facets.scopes)
        and (not facets.with_code or paper.code)
    )
    return list(islice(passing, most))


def placed(reader: Reader, node: str) -> set[str]:
    """Records placed at or under a node, `taxonomy:path`."""
    taxonomy, _, path = node.partition(":")
    return set(
        reader.values(
            "SELECT l.record FROM placements l JOIN node_ancestors a ON a.taxonomy = l.taxonomy AND a.node = l.node "
            "WHERE a.ancestor = ? AND a.taxonomy = ?",
            (path, taxonomy),
        )
    )


def paper_page(reader: Reader, record: str) -> PaperPage:
    """Everything the page shows that stands in other records or in taxonomies."""
    labels = node_labels(reader)
    return PaperPage(
        [
            PaperPlacement(node, sentence_case(label), labels.get(node, node), *rest)
            for node, label, *rest in reader.tuples(
                "SELECT p.taxonomy || ':' || p.node, n.label, p.printed_as, p.source, p.locator FROM placements p "
                "JOIN nodes n ON n.taxonomy = p.taxonomy AND n.node = p.node "
                "WHERE p.record = ? ORDER BY p.taxonomy, n.position",
                (record,),
            )
        ],
        reader.all(
            DesignUse,
            "SELECT u.record, d.name, d.component, u.role, u.status, u.note, u.source, u.locator "
            "FROM usages u JOIN designs d ON d.record = u.record "
            "WHERE u.by = ? ORDER BY u.role != 'introduces', u.role, d.component, d.name",
            (record,),
        ),
        dict(
            reader.tuples(
                "SELECT DISTINCT e.head, r.name FROM edges e JOIN records r ON r.record = e.head "
                "WHERE e.tail = ? AND e.type = 'described-by' AND r.kind = 'model' ORDER BY r.name",
                (record,),
            )
        ),
    )


def links(paper: Paper) -> dict[str, str]:
    """Label to address of every place the paper can be seen, each address once."""
    addresses = dict(paper.links or ())
    ids = {
        "arXiv": ("https://arxiv.org/abs/", "arxiv"),
        "DOI": ("https://doi.org/", "doi"),
        "OpenReview": ("https://openreview.net/forum?id=", "openreview"),
        "ACL Anthology": ("https://aclanthology.org/", "acl"),
    }
    found = {label: addresses.get(label.lower()) for label in ("Paper", "Code", "Project")} | {
        label: site + value for label, (site, field) in ids.items() if (value := getattr(paper.ids, field, None))
    }
    out: dict[str, str] = {}
    for label, address in found.items():
        if address and address not in out.values():
            out[label] = address
    return out
