"""A survey's taxonomy as an icicle."""

from __future__ import annotations

import textwrap

import plotly.graph_objects as go

from moe_kb.charts.palette import FILL_GREY, FILLS, quiet
from moe_kb.charts.safe import safe
from moe_kb.format import escaped
from moe_kb.queries.taxonomy import TreeNode

ROW = 21
"""Height of a line of text in pixels."""
WIDTH = 30
"""Characters of a label in one line: what fits a fifth of a narrow window."""


@safe
def icicle(root: TreeNode, node: str = "") -> go.Figure:
    """A taxonomy from left to right, zoomed to a node (path); ids are full names, the root's is `taxonomy:`.

    An icicle rather than a sunburst or treemap: every label stands level, at full length, beside its parent. Leaves are
    as high as their labels have lines, since heights by the number of works (printed in each) would leave small nodes
    unreadable.
    """
    nodes = list(root.walk())
    heights = {shown.name: _height(shown) for shown in nodes}
    branches = _branches(root)
    figure = go.Figure(
        go.Icicle(
            ids=[shown.name for shown in nodes],
            labels=[_label(shown) for shown in nodes],
            parents=["" if shown.level == 0 else f"{root.taxonomy}:{shown.parent}" for shown in nodes],
            values=[heights[shown.name] for shown in nodes],
            branchvalues="total",
            level=f"{root.taxonomy}:{node}",
            marker={
                "colors": [_colour(shown.node, branches) for shown in nodes],
                "line": {"width": 1.5, "color": "rgba(128,128,128,0.35)"},
            },
            leaf={"opacity": 1},
            hovertext=[_hover(shown) for shown in nodes],
            hoverinfo="text",
            textposition="top left",
            textfont={"color": "white", "size": 12},
            tiling={"orientation": "h", "pad": 1},
            pathbar={"visible": False},  # the page shows the way up
            sort=False,
        )
    )
    top = next((shown for shown in nodes if shown.node == node), root)
    return quiet(figure, max(240, ROW * heights[top.name] + 40), top=4, bottom=4)


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


def _lines(node: TreeNode) -> list[str]:
    """The label with its number, in lines that fit the box."""
    return textwrap.wrap(f"{node.label}  {node.under}", WIDTH, break_long_words=True)


def _height(node: TreeNode) -> int:
    """Lines that a node needs: its own, or those of what is below it."""
    return max(len(_lines(node)), sum(map(_height, node.children)))


def _label(node: TreeNode) -> str:
    """The whole label, its number in bold."""
    text = "<br>".join(map(escaped, _lines(node)))
    number = str(node.under)
    return f"{text.removesuffix(number)}<b>{number}</b>"


def _hover(node: TreeNode) -> str:
    lines = [f"<b>{escaped(node.label)}</b>", f"{node.under} records here and below, {node.placed} of them here"]
    if node.description:
        lines += [escaped(line) for line in textwrap.wrap(node.description, 70)[:6]]
    return "<br>".join(lines)
