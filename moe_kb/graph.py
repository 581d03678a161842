"""The typed graph: what is related to what, why, and how two records hang together."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moe_kb.errors import NotFoundError

if TYPE_CHECKING:
    import networkx as nx

    from moe_kb.kb import KnowledgeBase

#: Edges that say nothing about closeness: what a survey cites is everything, and a root holds everything.
LEFT_OUT = frozenset({"cites"})
#: Going through a taxonomy node says less than a relation, a usage or a description.
COST = defaultdict(lambda: 1.0, {"placed-in": 2.0, "is-a": 2.0, "related": 2.0, "compares": 1.5})

DIRECT, AUTHOR = 3.0, 0.5


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


def load(kb: KnowledgeBase) -> nx.MultiDiGraph[str]:
    """Every edge of the database; `type`, `source`, `locator`, `status` and `note` on each."""
    import networkx as nx

    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    for row in kb.rows("SELECT record, kind, name, year FROM records"):
        graph.add_node(row["record"], kind=row["kind"], name=row["name"], year=row["year"])
    for row in kb.rows("SELECT taxonomy, node, label FROM nodes"):
        name = f"node:{row['taxonomy']}:{row['node']}" if row["node"] else f"taxonomy:{row['taxonomy']}"
        graph.add_node(name, kind="node", name=row["label"], year=None)
    for row in kb.rows("SELECT head, type, tail, status, source, locator, note FROM edges"):
        head, tail = row.pop("head"), row.pop("tail")
        for end in (head, tail):
            if end not in graph:
                graph.add_node(end, kind=end.partition(":")[0], name=end.partition(":")[2], year=None)
        graph.add_edge(head, tail, **row)
    return graph


def related(kb: KnowledgeBase, record: str, limit: int = 10, kind: str | None = None) -> list[Related]:
    """Records near `record` (of one kind).

    The score is 3 for each direct edge, plus, for every neighbour that two records share in the typed graph, 1 over the
    logarithm of the number of records at that neighbour (the Adamic-Adar index: a shared rare design says more than a
    shared crowded taxonomy node), plus 0.5 for every shared author. An edge that two sources state is one edge.
    """
    reasons: dict[str, list[str]] = defaultdict(list)
    scores: dict[str, float] = defaultdict(float)
    neighbours: set[str] = set()
    for row in kb.rows(
        "SELECT DISTINCT head, type, tail FROM edges "
        "WHERE (head = ?1 OR tail = ?1) AND head != tail AND type != 'cites'",
        (record,),
    ):
        forward = row["head"] == record
        other = row["tail"] if forward else row["head"]
        neighbours.add(other)
        if _is_record(other):
            scores[other] += DIRECT
            reasons[other].append(f"this {row['type']} it" if forward else f"it {row['type']} this")
    for neighbour in sorted(neighbours):
        shared = kb.rows(
            "SELECT head AS other FROM edges WHERE tail = ?1 AND head != ?2 AND type != 'cites' UNION "
            "SELECT tail FROM edges WHERE head = ?1 AND tail != ?2 AND type != 'cites'",
            (neighbour, record),
        )
        others = [row["other"] for row in shared if _is_record(row["other"])]
        for other in others:
            scores[other] += 1 / math.log(len(others) + 1)  # the others and the record itself
            reasons[other].append(f"shares {_label(kb, neighbour)}")
    for row in kb.rows(
        "SELECT b.record, b.author FROM authors a JOIN authors b ON a.author = b.author AND b.record != a.record "
        "WHERE a.record = ?",
        (record,),
    ):
        scores[row["record"]] += AUTHOR
        reasons[row["record"]].append(f"shares the author {row['author']}")
    names = {row["record"]: row for row in kb.rows("SELECT record, name, kind, year FROM records")}
    near = [name for name in scores if name in names and kind in (None, names[name]["kind"])]
    near.sort(key=lambda name: (-scores[name], name))
    return [
        Related(
            name,
            names[name]["name"],
            names[name]["kind"],
            names[name]["year"],
            round(scores[name], 3),
            tuple(dict.fromkeys(reasons[name])),
        )
        for name in near[:limit]
    ]


def _is_record(end: str) -> bool:
    return not end.startswith(("node:", "taxonomy:", "implementation:"))


def _label(kb: KnowledgeBase, end: str) -> str:
    if end.startswith("node:"):
        _, taxonomy, node = end.split(":", 2)
        found = kb.rows("SELECT label FROM nodes WHERE taxonomy = ? AND node = ?", (taxonomy, node))
        return f"the place {found[0]['label']} ({taxonomy})" if found else end
    found = kb.rows("SELECT name, kind FROM records WHERE record = ?", (end,))
    return f"the {found[0]['kind']} {found[0]['name']}" if found else end


def path(kb: KnowledgeBase, start: str, end: str) -> list[Step]:
    """The shortest way between two records over the typed edges, in either direction.

    Roots of taxonomies and survey citations are left out, since through them everything is two steps from everything;
    steps through taxonomy nodes cost twice a relation or usage.

    Raises:
        NotFoundError: Nothing connects the two.
    """
    import networkx as nx

    if start == end:
        return []
    graph = load(kb)
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
        data = simple[left][right]
        steps.append(
            Step(
                left,
                data["type"],
                data["head"] == left,
                right,
                data["source"],
                data["locator"],
                data["status"],
                data["note"],
            )
        )
    return steps
