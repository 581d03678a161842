"""Taxonomies: the trees by which surveys order the field, and the crosswalk between them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from moe_kb.records.base import Citation, Key, Line, NodeId, NodeName, Part, Text


class Node(Part):
    """A node of a taxonomy."""

    id: NodeId
    """Path of the node, e.g. `algorithm/gating-function/sparse`; its parent is the path before the last slash."""
    label: Line
    """Label as printed."""
    description: Text | None = None
    """What the node means, in our own words."""
    locator: Line | None = None
    """Where the source explains it."""

    @property
    def parent(self) -> str | None:
        """Id of the parent node; none at the top level."""
        return self.id.rpartition("/")[0] or None


class Taxonomy(Citation):
    """The file `taxonomy/<key>.yaml`."""

    key: Key
    """The file's name."""
    name: Line
    """What people call it."""
    description: Text
    """How it orders the field, in our own words."""
    nodes: list[Node]
    """Every node except the nameless root, parents before children, in printed order."""


class CrosswalkMapping(Part):
    """A node of one taxonomy compared with a node of another."""

    subject: NodeName
    """The node compared."""
    relation: Literal["same-as", "broader", "narrower", "related"]
    """`broader`: the subject is broader than the object."""
    object: NodeName
    """The node it is compared with."""
    reason: Line
    """Why, in our own words."""
    cites: list[Citation] = Field(default_factory=list)
    """Places that support it."""


class Crosswalk(Part):
    """The file `taxonomy/crosswalk.yaml`; our own judgement, each line with its reason."""

    mappings: list[CrosswalkMapping]
    """The comparisons."""
