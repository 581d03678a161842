"""Sources: whatever a claim can cite."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from moe_kb.records.base import Key, Kind, Line, PartialDate, Record, Url


class Source(Record):
    """A survey, paper, released configuration, model card, list, count or run that values are read from."""

    KIND: ClassVar[Kind] = "source"
    SELF_SOURCED: ClassVar[frozenset[str]] = Record.SELF_SOURCED | {
        # A source is where the chain of citations ends: its own fields say how to find it again.
        *("name", "title", "type", "url", "paper", "version", "date", "accessed", "authors", "licence", "note")
    }

    title: Line
    """Full title or a description that finds it."""
    type: Literal[
        "survey", "paper", "config", "count", "model-card", "documentation", "repository", "list", "page", "run"
    ]
    """What it is. Decides which value is shown first when sources differ: config, count, paper, model card, survey,
    list, page."""
    authors: list[Line] = Field(default_factory=list)
    """Who made it, as printed."""
    url: Url | None = None
    """Where it can be seen."""
    paper: Key | None = None
    """The paper record, where the source is a paper of this knowledge base."""
    version: Line | None = None
    """Version, commit or revision."""
    date: PartialDate | None = None
    """Its own date."""
    accessed: PartialDate | None = None
    """When it was read."""
    licence: Line | None = None
    """Its licence, where one is stated."""
    note: Line | None = None
    """Provenance details: who copied it, what was trimmed."""
