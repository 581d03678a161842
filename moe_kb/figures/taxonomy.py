"""A survey's taxonomy as a picture, what a node holds, and its lines to other taxonomies."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go

from moe_kb.figures import designs
from moe_kb.figures.palette import FILL_GREY, FILLS, quiet
from moe_kb.kb import KnowledgeBase
from moe_kb.tree import TreeNode

ROW = 22
"""Height of a leaf in pixels: one line of text."""
WIDTH = 30
"""Characters of a label in one line: what fits a fifth of a narrow window."""


def icicle(kb: KnowledgeBase, taxonomy: str, node: str = "") -> go.Figure:
    """The taxonomy from left to right, zoomed to a node; ids are paths, the root's is `taxonomy:`.

    An icicle rather than a sunburst or treemap: every label stands level, at full length, beside its parent. Leaves are
    equally high, since the number of works (printed in each) would leave small nodes unreadable.
    """
    root = kb.tree(f"{taxonomy}:")
    nodes = list(root.walk())
    branches = _branches(root)
    figure = go.Figure(
        go.Icicle(
            ids=[one.name for one in nodes],
            labels=[_label(one) for one in nodes],
            parents=["" if one.level == 0 else f"{taxonomy}:{_parent(one.node)}" for one in nodes],
            values=[_leaves(one) for one in nodes],
            branchvalues="total",
            level=f"{taxonomy}:{node}",
            marker={
                "colors": [_colour(one.node, branches) for one in nodes],
                "line": {"width": 1.5, "color": "rgba(128,128,128,0.35)"},
            },
            leaf={"opacity": 1},
            hovertext=[_hover(one) for one in nodes],
            hoverinfo="text",
            textposition="middle left",
            textfont={"color": "white", "size": 12},
            tiling={"orientation": "h", "pad": 1},
            pathbar={"visible": False},  # the page shows the way up
            sort=False,
        )
    )
    shown = next((one for one in nodes if one.node == node), root)
    return quiet(figure, max(240, ROW * _leaves(shown) + 40), top=4, bottom=4)


def _branches(root: TreeNode) -> dict[str, str]:
    """A colour for each branch; one that holds more than half of the leaves is told apart by its own children."""
    found: list[str] = []
    for child in root.children:
        crowded = 2 * _leaves(child) > _leaves(root) and child.children
        found += [below.node for below in child.children] if crowded else [child.node]
    return {node: FILLS[i % len(FILLS)] for i, node in enumerate(found)}


def _colour(node: str, branches: dict[str, str]) -> str:
    while node and node not in branches:
        node = _parent(node)
    return branches.get(node, FILL_GREY)


def _parent(node: str) -> str:
    return node.rpartition("/")[0]


def _leaves(node: TreeNode) -> int:
    return sum(_leaves(child) for child in node.children) if node.children else 1


def _label(node: TreeNode) -> str:
    """The label with its number, in as many lines as the box has room for: what is too long would be drawn tiny.

    The whole label is in the hover text.
    """
    if _leaves(node) == 1:
        cut = len(node.label) > WIDTH + 4
        lines = [node.label[: WIDTH + 3].rstrip() + "…" if cut else node.label]
    else:
        lines = textwrap.wrap(node.label, WIDTH, max_lines=min(3, _leaves(node)), placeholder=" …")
    return "<br>".join(escape(line) for line in lines) + f"  <b>{node.under}</b>"


def _hover(node: TreeNode) -> str:
    lines = [f"<b>{escape(node.label)}</b>", f"{node.under} records here and below, {node.placed} of them here"]
    if node.description:
        lines += [escape(line) for line in textwrap.wrap(node.description, 70)[:6]]
    return "<br>".join(lines)


def trail(kb: KnowledgeBase, name: str) -> list[tuple[str, str]]:
    """Full name and label of each node from the root down to this one."""
    taxonomy, _, node = name.partition(":")
    return [
        (f"{row['taxonomy']}:{row['node']}", row["label"])
        for row in kb.rows(
            "SELECT n.taxonomy, n.node, n.label FROM node_ancestors a JOIN nodes n ON n.taxonomy = a.taxonomy "
            "AND n.node = a.ancestor WHERE a.taxonomy = ? AND a.node = ? ORDER BY n.level",
            (taxonomy, node),
        )
    ]


def choices(kb: KnowledgeBase, taxonomy: str | None = None) -> dict[str, str]:
    """Every node's full name with its labels from the top, for a list to choose from."""
    rows = kb.rows(
        "SELECT n.taxonomy, n.node, n.parent, n.label, t.name FROM nodes n JOIN taxonomies t ON t.key = n.taxonomy "
        "WHERE n.taxonomy = coalesce(?, n.taxonomy) ORDER BY n.taxonomy, n.position",
        (taxonomy,),
    )
    labels: dict[tuple[str, str], str] = {}
    for row in rows:  # parents come before their children
        above = labels.get((row["taxonomy"], row["parent"] or ""), "") if row["node"] else ""
        own = row["label"] if row["node"] else ""
        labels[row["taxonomy"], row["node"]] = " › ".join(filter(None, (above, own)))
    return {
        f"{row['taxonomy']}:{row['node']}": ("" if taxonomy else f"{row['name']}: ")
        + (labels[row["taxonomy"], row["node"]] or "everything")
        for row in rows
    }


@dataclass(frozen=True, slots=True)
class CrosswalkMapping:
    """A line from a node to one of another taxonomy, read from that node's side."""

    node: str
    """Full name of the other node."""
    label: str
    relation: str
    """How this node stands to the other."""
    reason: str


_WORDS = {
    "same-as": ("the same as", "the same as"),
    "broader": ("broader than", "narrower than"),
    "narrower": ("narrower than", "broader than"),
    "related": ("related to", "related to"),
}


def mappings(kb: KnowledgeBase, name: str) -> list[CrosswalkMapping]:
    """The crosswalk's lines at a node, whichever side they were written from."""
    names = choices(kb)
    out = []
    for row in kb.rows("SELECT * FROM mappings WHERE subject = ?1 OR object = ?1 ORDER BY id", (name,)):
        forward = row["subject"] == name
        other = row["object"] if forward else row["subject"]
        word = _WORDS[row["relation"]][0 if forward else 1]
        out.append(CrosswalkMapping(other, names.get(other, other), word, row["reason"]))
    return out


def held(kb: KnowledgeBase, name: str) -> dict[str, list[dict[str, object]]]:
    """What a node holds, by kind: records placed there with who placed them, designs of its papers, models of those.

    Surveys place papers. The designs that those papers introduce or use, and the models described by them, follow over
    the typed edges; each row says by which paper (`through`), that of a design also whether it can be run (`runs`).
    """
    placed: dict[str, dict[str, object]] = {}
    labels = choices(kb, name.partition(":")[0])
    sources = {row["key"]: row["name"] for row in kb.rows("SELECT key, name FROM sources")}
    for row in kb.placed(name):
        inferred = "inferred" if row["status"] == "derived" else None
        entry = placed.setdefault(
            row["record"],
            {
                "record": row["record"],
                "name": row["name"],
                "kind": row["kind"],
                "year": row["year"],
                "nodes": [],
                "printed": [],
                "placed_by": [],
            },
        )
        for field, value in (
            ("nodes", _end(labels[f"{name.partition(':')[0]}:{row['node']}"])),
            ("printed", row["printed_as"]),
            ("placed_by", ", ".join(filter(None, (sources.get(row["source"]), row["locator"], inferred)))),
        ):
            column = entry[field]
            if value and isinstance(column, list) and value not in column:
                column.append(value)
    out: dict[str, list[dict[str, object]]] = {"paper": [], "design": [], "model": []}
    for entry in placed.values():
        out.setdefault(str(entry["kind"]), []).append(entry)
    papers = [str(entry["record"]) for entry in out["paper"]]
    for kind, types in (("design", ("introduces", "uses", "modifies")), ("model", ("described-by",))):
        known = {str(entry["record"]) for entry in out[kind]}
        reached: dict[str, dict[str, object]] = {}
        for row in _neighbours(kb, papers, kind, types):
            if row["record"] in known:
                continue
            entry = reached.setdefault(
                str(row["record"]),
                {"record": row["record"], "name": row["name"], "kind": kind, "year": row["year"], "through": []},
            )
            through = entry["through"]
            if isinstance(through, list) and row["through"] not in through:
                through.append(row["through"])
        out[kind] += sorted(reached.values(), key=lambda one: (str(one["name"]).lower(), str(one["record"])))
    runs = designs.running(kb)
    for entry in out["design"]:
        entry["runs"] = entry["record"] in runs
    return out


def _end(path: str) -> str:
    """The last two labels of a path: enough to know a node by."""
    return " › ".join(path.split(" › ")[-2:])


def _neighbours(kb: KnowledgeBase, records: list[str], kind: str, types: tuple[str, ...]) -> list[dict[str, object]]:
    marks, wanted = ",".join("?" * len(records)), ",".join("?" * len(types))
    return (
        kb.rows(
            "SELECT r.record, r.name, r.year, p.name AS through FROM edges e "
            "JOIN records p ON p.record IN (e.head, e.tail) "
            "JOIN records r ON r.record IN (e.head, e.tail) AND r.kind = ? "
            f"WHERE p.record IN ({marks}) AND e.type IN ({wanted}) AND p.record != r.record",
            (kind, *records, *types),
        )
        if records
        else []
    )
