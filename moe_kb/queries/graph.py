"""The typed graph: edges and neighbours of a record, what is related to it and why, and paths between records."""

from __future__ import annotations

import itertools
import json
import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moe_kb.db.reader import Reader
from moe_kb.errors import NotFoundError
from moe_kb.format import with_year

if TYPE_CHECKING:
    import networkx as nx

#: Edges that say nothing about closeness: what a survey cites is everything, and a root holds everything.
LEFT_OUT = frozenset({"cites"})
#: Going through a taxonomy node says less than a relation, a usage or a description.
COST = defaultdict(lambda: 1.0, {"placed-in": 2.0, "is-a": 2.0, "related": 2.0, "compares": 1.5})

DIRECT, AUTHOR = 3.0, 0.5

#: Types of edges in reading order.
EDGE_TYPES = tuple(
    """introduces described-by implements uses modifies studies extends variant-of based-on combines replaces
    succeeds compares related same-as broader narrower placed-in is-a cites """.split()  # noqa: SIM905  a list of words reads better as words
)


@dataclass(frozen=True, slots=True)
class Edge:
    """A typed edge with its source."""

    head: str
    type: str
    tail: str
    status: str
    source: str | None
    locator: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One typed edge at a record."""

    record: str
    """The other end."""
    name: str
    kind: str
    year: int | None
    type: str
    forward: bool
    """Whether the edge starts at the record asked about."""
    status: str
    source: str | None
    locator: str | None
    note: str | None

    @property
    def label(self) -> str:
        """Name, with the year where there is one."""
        return with_year(self.name, self.year)


@dataclass(frozen=True, slots=True)
class Related:
    """A record near another."""

    record: str
    name: str
    kind: str
    year: int | None
    score: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One edge of a path, in the direction walked."""

    start: str
    type: str
    forward: bool
    """Whether the edge points the way it is walked."""
    end: str
    source: str | None
    locator: str | None
    status: str
    note: str | None


#: What an edge says beside its ends.
_ABOUT = ("type", "status", "source", "locator", "note")
_EDGES = "SELECT head, type, tail, status, source, locator, note FROM edges"


def edges(reader: Reader, end: str) -> list[Edge]:
    """Typed edges at a record or node (as `node:taxonomy:path`)."""
    return reader.all(Edge, f"{_EDGES} WHERE head = ?1 OR tail = ?1 ORDER BY type, head, tail", (end,))


def neighbours(reader: Reader, record: str, left_out: frozenset[str] = LEFT_OUT) -> list[Neighbour]:
    """Every typed edge at a record or node, some types (citations) left out, by type, year and name."""
    found = []
    for edge in edges(reader, record):
        if edge.type not in left_out:
            forward = edge.head == record
            other = edge.tail if forward else edge.head
            name, kind, year = _named(reader, other)
            cite = (edge.status, edge.source, edge.locator, edge.note)
            found.append(Neighbour(other, name, kind, year, edge.type, forward, *cite))
    order = {name: position for position, name in enumerate(EDGE_TYPES)}
    return sorted(found, key=lambda other: (order.get(other.type, len(order)), other.year or 0, other.name.lower()))


def lineage(reader: Reader, design: str) -> list[Neighbour]:
    """A design's relations to other designs, in either direction."""
    return [neighbour for neighbour in neighbours(reader, design, frozenset()) if neighbour.kind == "design"]


def load(reader: Reader) -> nx.MultiDiGraph[str]:
    """Every edge of the database; `type`, `source`, `locator`, `status` and `note` on each."""
    import networkx as nx

    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    for record, kind, name, year in reader.tuples("SELECT record, kind, name, year FROM records"):
        graph.add_node(record, kind=kind, name=name, year=year)
    for taxonomy, node, label in reader.tuples("SELECT taxonomy, node, label FROM nodes"):
        end = f"node:{taxonomy}:{node}" if node else f"taxonomy:{taxonomy}"
        graph.add_node(end, kind="node", name=label, year=None)
    for edge in reader.all(Edge, _EDGES):
        for end in (edge.head, edge.tail):
            if end not in graph:
                graph.add_node(end, kind=end.partition(":")[0], name=end.partition(":")[2], year=None)
        about = {name: getattr(edge, name) for name in _ABOUT}
        graph.add_edge(edge.head, edge.tail, **about)
    return graph


def related(reader: Reader, record: str, limit: int = 10, kind: str | None = None) -> list[Related]:
    """Records near `record` (of one kind).

    The score is 3 for each direct edge, plus, for every neighbour that two records share in the typed graph, 1 over the
    logarithm of the number of records at that neighbour (the Adamic-Adar index: a shared rare design says more than a
    shared crowded taxonomy node), plus 0.5 for every shared author. An edge that two sources state is one edge.
    """
    reasons: dict[str, list[str]] = defaultdict(list)
    scores: dict[str, float] = defaultdict(float)
    shared_ends: set[str] = set()
    for head, type_, tail in reader.tuples(
        "SELECT DISTINCT head, type, tail FROM edges "
        "WHERE (head = ?1 OR tail = ?1) AND head != tail AND type != 'cites'",
        (record,),
    ):
        forward = head == record
        other = tail if forward else head
        shared_ends.add(other)
        if _is_record(other):
            scores[other] += DIRECT
            reasons[other].append(f"this {type_} it" if forward else f"it {type_} this")
    for end in sorted(shared_ends):
        others = [
            other
            for other in reader.values(
                "SELECT head FROM edges WHERE tail = ?1 AND head != ?2 AND type != 'cites' UNION "
                "SELECT tail FROM edges WHERE head = ?1 AND tail != ?2 AND type != 'cites'",
                (end, record),
            )
            if _is_record(other)
        ]
        for other in others:
            scores[other] += 1 / math.log(len(others) + 1)  # the others and the record itself
            reasons[other].append(f"shares {_described(reader, end)}")
    for other, author in reader.tuples(
        "SELECT b.record, b.author FROM authors a JOIN authors b ON a.author = b.author AND b.record != a.record "
        "WHERE a.record = ?",
        (record,),
    ):
        scores[other] += AUTHOR
        reasons[other].append(f"shares the author {author}")
    found = [
        Related(other, name, kind_, year, round(scores[other], 3), tuple(dict.fromkeys(reasons[other])))
        for other, name, kind_, year in reader.tuples(
            "SELECT record, name, kind, year FROM records WHERE record IN (SELECT value FROM json_each(?))",
            (json.dumps(list(scores)),),
        )
        if kind in (None, kind_)
    ]
    return sorted(found, key=lambda item: (-scores[item.record], item.record))[:limit]


def _is_record(end: str) -> bool:
    return not end.startswith(("node:", "taxonomy:", "implementation:"))


def _named(reader: Reader, end: str) -> tuple[str, str, int | None]:
    """Name, kind and year of an end of an edge."""
    kind, _, rest = end.partition(":")
    if kind in ("node", "taxonomy"):
        taxonomy, _, node = rest.partition(":")
        label = reader.value("SELECT label FROM nodes WHERE taxonomy = ? AND node = ?", (taxonomy, node))
        return (rest, kind, None) if label is None else (label, "node", None)
    for name, year in reader.tuples("SELECT name, year FROM records WHERE record = ?", (end,)):
        return name, kind, year
    return rest, kind, None


def _described(reader: Reader, end: str) -> str:
    name, kind, _ = _named(reader, end)
    if kind == "node" and end.startswith("node:"):
        return f"the place {name} ({end.split(':')[1]})"
    return f"the {kind} {name}" if _is_record(end) else end


def path(reader: Reader, start: str, end: str) -> list[Step]:
    """The shortest path between two records over the typed edges, in either direction.

    Roots of taxonomies and survey citations are left out, since through them everything is two steps from everything;
    steps through taxonomy nodes cost twice a relation or usage.

    Raises:
        NotFoundError: Nothing connects the two.
    """
    import networkx as nx

    if start == end:
        return []
    graph = load(reader)
    graph.remove_nodes_from([name for name in graph if name.startswith("taxonomy:")])
    simple: nx.Graph[str] = nx.Graph()
    for head, tail, data in graph.edges(data=True):
        if data["type"] in LEFT_OUT:
            continue
        cost = COST[data["type"]]
        if not simple.has_edge(head, tail) or simple[head][tail]["cost"] > cost:
            simple.add_edge(head, tail, cost=cost, head=head, **data)
    try:
        names = nx.dijkstra_path(simple, start, end, weight="cost")
    except (nx.NetworkXNoPath, nx.NodeNotFound):
        raise NotFoundError(f"nothing connects {start} and {end} yet.") from None
    steps = []
    for left, right in itertools.pairwise(names):
        edge = simple[left][right]
        about = {name: edge[name] for name in _ABOUT}
        steps.append(Step(start=left, end=right, forward=edge["head"] == left, **about))
    return steps
