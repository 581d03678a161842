"""Systems: frameworks and libraries that train or serve mixtures of experts."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from moe_kb.records.base import Key, Kind, Line, PartialDate, Record, Url


class System(Record):
    """A framework or library. What it optimises and how popular it was are claims (see the tables)."""

    KIND: ClassVar[Kind] = "system"

    organisation: Line | None = None
    """Who makes it."""
    repository: Url | None = None
    """Where its code is."""
    licence: Line | None = None
    """Its licence."""
    released: PartialDate | None = None
    """When it first became public."""
    papers: list[Key] = Field(default_factory=list)
    """Papers that describe it."""
    parallelism: list[Line] = Field(default_factory=list)
    """Forms of parallelism it offers, as its sources name them."""
