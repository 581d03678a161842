"""Taxonomies as trees: their nodes, what sources place at each, and the mappings between them.

Labels are in sentence case, whatever the survey prints; the table `nodes` has them as printed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from moe_kb.db.reader import Reader
from moe_kb.format import citation, sentence_case
from moe_kb.queries.designs import running


@dataclass(frozen=True, slots=True)
class TaxonomyBrief:
    """A taxonomy in a line."""

    key: str
    name: str
    description: str | None
    source: str
    locator: str | None
    n_nodes: int


@dataclass(frozen=True, slots=True)
class TreeNode:
    """A taxonomy node with what lies under it."""

    taxonomy: str
    node: str
    label: str
    level: int
    description: str | None
    locator: str | None
    placed: int
    """Records placed here."""
    under: int
    """Different records placed here or below."""
    children: tuple[TreeNode, ...] = ()

    @property
    def name(self) -> str:
        """Full name, `taxonomy:path`."""
        return f"{self.taxonomy}:{self.node}"

    @property
    def parent(self) -> str:
        """Path of the node above; empty for the root's children and the root."""
        return self.node.rpartition("/")[0]

    @property
    def n_leaves(self) -> int:
        """Leaves below; 1 for a leaf."""
        return sum(child.n_leaves for child in self.children) or 1

    @property
    def without_empty(self) -> TreeNode:
        """The tree with only those nodes below that hold a record; all of them where none does."""
        held = tuple(child.without_empty for child in self.children if child.under)
        return replace(self, children=held) if self.under else self

    @property
    def empty(self) -> list[TreeNode]:
        """The topmost nodes below that hold no record."""
        return [node for child in self.children for node in (child.empty if child.under else [child])]

    def walk(self) -> Iterator[TreeNode]:
        """The node and everything below it, in printed order."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Placed:
    """A record where a source places it."""

    record: str
    name: str
    kind: str
    key: str
    year: int | None
    node: str
    """Path within the taxonomy."""
    printed_as: str | None
    status: str
    source: str
    locator: str | None


@dataclass(frozen=True, slots=True)
class CrosswalkMapping:
    """A mapping of a node to one of another taxonomy, read from that node's side."""

    node: str
    """Full name of the other node."""
    label: str
    relation: str
    """How this node stands to the other."""
    reason: str


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """A record at a node: placed there, or reached through a paper that is."""

    record: str
    name: str
    kind: str
    year: int | None
    nodes: tuple[str, ...] = ()
    """Labels of the nodes it is placed at."""
    printed: tuple[str, ...] = ()
    placed_by: tuple[str, ...] = ()
    through: tuple[str, ...] = ()
    """Names of the papers it is reached through."""
    runs: bool = False
    """Whether an installed implementation runs the design."""


_WORDS = {
    "same-as": ("the same as", "the same as"),
    "broader": ("broader than", "narrower than"),
    "narrower": ("narrower than", "broader than"),
    "related": ("related to", "related to"),
}


def taxonomies(reader: Reader) -> list[TaxonomyBrief]:
    """Every taxonomy."""
    return reader.all(
        TaxonomyBrief,
        "SELECT t.*, (SELECT count(*) FROM nodes n WHERE n.taxonomy = t.key) AS n_nodes FROM taxonomies t "
        "ORDER BY t.key",
    )


def read_tree(reader: Reader, name: str) -> TreeNode:
    """The part of a taxonomy under a node (full name), with the number of records at and under each node."""
    taxonomy, _, top = name.partition(":")
    placed = dict(
        reader.tuples(
            "SELECT node, count(DISTINCT record) FROM placements WHERE taxonomy = ? GROUP BY node", (taxonomy,)
        )
    )
    under = dict(
        reader.tuples(
            "SELECT a.ancestor, count(DISTINCT l.record) FROM placements l JOIN node_ancestors a "
            "ON a.taxonomy = l.taxonomy AND a.node = l.node WHERE l.taxonomy = ? GROUP BY a.ancestor",
            (taxonomy,),
        )
    )
    children: dict[str, list[TreeNode]] = {}
    # From the last node to the first: children come before their parents, as a parent stands before its children.
    for node, parent, label, level, description, locator in reader.tuples(
        "SELECT node, parent, label, level, description, locator FROM nodes WHERE taxonomy = ? ORDER BY position DESC",
        (taxonomy,),
    ):
        below = tuple(reversed(children.pop(node, [])))
        counts = placed.get(node, 0), under.get(node, 0)
        found = TreeNode(taxonomy, node, sentence_case(label), level, description, locator, *counts, below)
        if node == top:
            return found
        children.setdefault(parent, []).append(found)
    raise LookupError(name)


def records_at(reader: Reader, name: str, *, below: bool) -> list[Placed]:
    """What is placed at a node (full name), and below it where asked."""
    taxonomy, _, path = name.partition(":")
    condition = "a.ancestor = ?" if below else "a.ancestor = ? AND l.node = a.ancestor"
    return reader.all(
        Placed,
        "SELECT l.record, r.name, r.kind, r.key, r.year, l.node, l.printed_as, l.status, l.source, l.locator "
        "FROM placements l JOIN records r ON r.record = l.record JOIN node_ancestors a "
        f"ON a.taxonomy = l.taxonomy AND a.node = l.node WHERE l.taxonomy = ? AND {condition} "
        "ORDER BY r.kind, r.year, r.name",
        (taxonomy, path),
    )


def ancestors(reader: Reader, name: str) -> list[tuple[str, str]]:
    """Full name and label of each node from the root down to this one."""
    taxonomy, _, node = name.partition(":")
    return [
        (f"{taxonomy}:{ancestor}", sentence_case(label))
        for ancestor, label in reader.tuples(
            "SELECT n.node, n.label FROM node_ancestors a JOIN nodes n ON n.taxonomy = a.taxonomy "
            "AND n.node = a.ancestor WHERE a.taxonomy = ? AND a.node = ? ORDER BY n.level",
            (taxonomy, node),
        )
    ]


def node_labels(reader: Reader, taxonomy: str | None = None) -> dict[str, str]:
    """Every node's full name with its labels from the top, for a list to choose from."""
    labels: dict[str, str] = {}
    out = {}
    for key, node, parent, label, name in reader.tuples(
        "SELECT n.taxonomy, n.node, n.parent, n.label, t.name FROM nodes n JOIN taxonomies t ON t.key = n.taxonomy "
        "WHERE n.taxonomy = coalesce(?, n.taxonomy) ORDER BY n.taxonomy, n.position",
        (taxonomy,),
    ):  # parents come before their children
        full = f"{key}:{node}"
        above = labels.get(f"{key}:{parent}", "")
        labels[full] = " › ".join(part for part in (above, sentence_case(label) if node else "") if part)
        out[full] = ("" if taxonomy else f"{name}: ") + (labels[full] or "everything")
    return out


def mappings(reader: Reader, name: str) -> list[CrosswalkMapping]:
    """The crosswalk's mappings at a node, whichever side they were written from."""
    names = node_labels(reader)
    out = []
    for subject, target, relation, reason in reader.tuples(
        "SELECT subject, object, relation, reason FROM mappings WHERE subject = ?1 OR object = ?1 ORDER BY id", (name,)
    ):
        forward = subject == name
        other = target if forward else subject
        out.append(CrosswalkMapping(other, names.get(other, other), _WORDS[relation][0 if forward else 1], reason))
    return out


def node_records(reader: Reader, name: str) -> dict[str, list[NodeRecord]]:
    """What a node holds, by kind: records placed there with who placed them, designs of its papers, models of those.

    Surveys place papers. The designs that those papers introduce or use, and the models described by them, follow over
    the typed edges; each says through which paper.
    """
    taxonomy = name.partition(":")[0]
    labels = node_labels(reader, taxonomy)
    sources = dict(reader.tuples("SELECT key, name FROM sources"))
    runs = running(reader)
    placements: dict[str, list[Placed]] = {}
    for placed in records_at(reader, name, below=True):
        placements.setdefault(placed.record, []).append(placed)
    out: dict[str, list[NodeRecord]] = {"paper": [], "design": [], "model": []}
    for record, places in placements.items():
        first = places[0]
        out.setdefault(first.kind, []).append(
            NodeRecord(
                record,
                first.name,
                first.kind,
                first.year,
                nodes=_once(_end(labels[f"{taxonomy}:{place.node}"]) for place in places),
                printed=_once(place.printed_as or "" for place in places),
                placed_by=_once(
                    citation(sources.get(place.source, place.source), place.locator, place.status) for place in places
                ),
                runs=record in runs,
            )
        )
    papers = [paper.record for paper in out["paper"]]
    for kind, types in (("design", ("introduces", "uses", "modifies")), ("model", ("described-by",))):
        reached: dict[tuple[str, str, int | None], list[str]] = {}
        for record, label, year, through in _neighbours(reader, papers, kind, types):
            if record not in placements:
                reached.setdefault((record, label, year), []).append(through)
        out[kind] += [
            NodeRecord(record, label, kind, year, through=_once(through), runs=record in runs)
            for (record, label, year), through in sorted(
                reached.items(), key=lambda item: (item[0][1].lower(), item[0][0])
            )
        ]
    return out


def _once(texts: Iterator[str] | list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))


def _end(path: str) -> str:
    """The last two labels of a path: enough to know a node by."""
    return " › ".join(path.split(" › ")[-2:])


def _neighbours(
    reader: Reader, records: list[str], kind: str, types: tuple[str, ...]
) -> list[tuple[str, str, int | None, str]]:
    """Record, name, year of what edges of these types join to the records, and the name of that record."""
    if not records:
        return []
    marks, wanted = ",".join("?" * len(records)), ",".join("?" * len(types))
    return reader.tuples(
        "SELECT r.record, r.name, r.year, p.name FROM edges e "
        "JOIN records p ON p.record IN (e.head, e.tail) "
        "JOIN records r ON r.record IN (e.head, e.tail) AND r.kind = ? "
        f"WHERE p.record IN ({marks}) AND e.type IN ({wanted}) AND p.record != r.record",
        (kind, *records, *types),
    )
