"""A survey's taxonomy as an icicle."""

from __future__ import annotations

import textwrap

import plotly.graph_objects as go

from moe_kb.charts.palette import FILL_GREY, FILLS, quiet
from moe_kb.charts.safe import safe
from moe_kb.format import escaped
from moe_kb.queries.taxonomy import TreeNode

ROW = 22
"""Height of a leaf in pixels: one line of text."""
WIDTH = 30
"""Characters of a label in one line: what fits a fifth of a narrow window."""


@safe
def icicle(root: TreeNode, node: str = "") -> go.Figure:
    """A taxonomy from left to right, zoomed to a node (path); ids are full names, the root's is `taxonomy:`.

    An icicle rather than a sunburst or treemap: every label stands level, at full length, beside its parent. Leaves are
    equally high, since the number of works (printed in each) would leave small nodes unreadable.
    """
    nodes = list(root.walk())
    branches = _branches(root)
    figure = go.Figure(
        go.Icicle(
            ids=[shown.name for shown in nodes],
            labels=[_label(shown) for shown in nodes],
            parents=["" if shown.level == 0 else f"{root.taxonomy}:{shown.parent}" for shown in nodes],
            values=[shown.n_leaves for shown in nodes],
            branchvalues="total",
            level=f"{root.taxonomy}:{node}",
            marker={
                "colors": [_colour(shown.node, branches) for shown in nodes],
                "line": {"width": 1.5, "color": "rgba(128,128,128,0.35)"},
            },
            leaf={"opacity": 1},
            hovertext=[_hover(shown) for shown in nodes],
            hoverinfo="text",
            textposition="middle left",
            textfont={"color": "white", "size": 12},
            tiling={"orientation": "h", "pad": 1},
            pathbar={"visible": False},  # the page shows the way up
            sort=False,
        )
    )
    top = next((shown for shown in nodes if shown.node == node), root)
    return quiet(figure, max(240, ROW * top.n_leaves + 40), top=4, bottom=4)


def _branches(root: TreeNode) -> dict[str, str]:
    """A colour for each branch; one that holds more than half of the leaves is told apart by its own children."""
    found: list[str] = []
    for child in root.children:
        crowded = 2 * child.n_leaves > root.n_leaves and child.children
        found += [below.node for below in child.children] if crowded else [child.node]
    return {node: FILLS[i % len(FILLS)] for i, node in enumerate(found)}


def _colour(node: str, branches: dict[str, str]) -> str:
    while node and node not in branches:
        node = node.rpartition("/")[0]
    return branches.get(node, FILL_GREY)


def _label(node: TreeNode) -> str:
    """The label with its number, in as many lines as the box has room for: what is too long would be drawn tiny.

    The whole label is in the hover text.
    """
    if node.n_leaves == 1:
        cut = len(node.label) > WIDTH + 4
        lines = [node.label[: WIDTH + 3].rstrip() + "…" if cut else node.label]
    else:
        lines = textwrap.wrap(node.label, WIDTH, max_lines=min(3, node.n_leaves), placeholder=" …")
    return "<br>".join(escaped(line) for line in lines) + f"  <b>{node.under}</b>"


def _hover(node: TreeNode) -> str:
    lines = [f"<b>{escaped(node.label)}</b>", f"{node.under} records here and below, {node.placed} of them here"]
    if node.description:
        lines += [escaped(line) for line in textwrap.wrap(node.description, 70)[:6]]
    return "<br>".join(lines)
