"""Taxonomies as trees: their nodes, and what sources place at each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moe_kb.kb import KnowledgeBase


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

    def walk(self) -> Iterator[TreeNode]:
        """The node and everything below it, in printed order."""
        yield self
        for child in self.children:
            yield from child.walk()


def taxonomies(kb: KnowledgeBase) -> list[dict[str, Any]]:
    """Key, name, description, source and number of nodes of each taxonomy."""
    return kb.rows(
        "SELECT t.*, (SELECT count(*) FROM nodes n WHERE n.taxonomy = t.key) AS n_nodes FROM taxonomies t "
        "ORDER BY t.key"
    )


def read_tree(kb: KnowledgeBase, name: str) -> TreeNode:
    """The part of a taxonomy under a node (full name), with the number of records at and under each node."""
    taxonomy, _, top = name.partition(":")
    rows = kb.rows("SELECT * FROM nodes WHERE taxonomy = ? ORDER BY position", (taxonomy,))
    placed = _counts(
        kb, "SELECT node, count(DISTINCT record) AS n FROM placements WHERE taxonomy = ? GROUP BY node", taxonomy
    )
    under = _counts(
        kb,
        "SELECT a.ancestor AS node, count(DISTINCT l.record) AS n FROM placements l JOIN node_ancestors a "
        "ON a.taxonomy = l.taxonomy AND a.node = l.node WHERE l.taxonomy = ? GROUP BY a.ancestor",
        taxonomy,
    )
    children: dict[str | None, list[dict[str, Any]]] = {}
    for row in rows:
        children.setdefault(row["parent"], []).append(row)

    def make(row: dict[str, Any]) -> TreeNode:
        node = row["node"]
        return TreeNode(
            taxonomy,
            node,
            row["label"],
            row["level"],
            row["description"],
            row["locator"],
            placed.get(node, 0),
            under.get(node, 0),
            tuple(make(child) for child in children.get(node, [])),
        )

    return make(next(row for row in rows if row["node"] == top))


def _counts(kb: KnowledgeBase, sql: str, taxonomy: str) -> dict[str, int]:
    return {row["node"]: row["n"] for row in kb.rows(sql, (taxonomy,))}


def records_at(kb: KnowledgeBase, name: str, *, below: bool) -> list[dict[str, Any]]:
    """What is placed at a node (full name), and below it where asked; see `KnowledgeBase.placed`."""
    taxonomy, _, path = name.partition(":")
    condition = "a.ancestor = ?" if below else "a.ancestor = ? AND l.node = a.ancestor"
    return kb.rows(
        "SELECT l.record, r.name, r.kind, r.key, r.year, l.node, l.printed_as, l.status, l.source, "
        "l.locator "
        "FROM placements l JOIN records r ON r.record = l.record JOIN node_ancestors a "
        f"ON a.taxonomy = l.taxonomy AND a.node = l.node WHERE l.taxonomy = ? AND {condition} "
        "ORDER BY r.kind, r.year, r.name",
        (taxonomy, path),
    )
