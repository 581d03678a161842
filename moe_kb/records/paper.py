"""Papers: what was published, where, by whom, and where the surveys place it."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from moe_kb.records.base import Kind, Line, Part, PartialDate, Record, Url
from moe_kb.records.identifiers import ACL_PATTERN, ARXIV_PATTERN, DOI_PATTERN


class PaperIds(Part):
    """Identifiers seen in a source."""

    arxiv: str | None = Field(default=None, pattern=ARXIV_PATTERN)
    """arXiv identifier without version, e.g. '2401.06066' (quote it: unquoted it reads as a number)."""
    doi: str | None = Field(default=None, pattern=DOI_PATTERN)
    """Digital object identifier, e.g. `10.1162/neco.1991.3.1.79`."""
    openreview: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{6,40}$")
    """OpenReview forum id."""
    acl: str | None = Field(default=None, pattern=ACL_PATTERN)
    """ACL Anthology id, e.g. `2024.acl-long.70` or `P19-1001`."""


class PaperLinks(Part):
    """Addresses seen in a source."""

    paper: Url | None = None
    """Where the paper can be read."""
    code: Url | None = None
    """Where its code is."""
    project: Url | None = None
    """Its home page."""


class Paper(Record):
    """A paper, report or blog post that introduces or studies something about mixtures of experts."""

    KIND: ClassVar[Kind] = "paper"

    title: Line
    """Full title."""
    aliases: list[Line] = Field(default_factory=list)
    """Other names and titles under which sources print it."""
    authors: list[Line] = Field(default_factory=list)
    """Authors as the source prints them, in order."""
    authors_complete: bool | None = None
    """False where the source prints "et al."."""
    year: int = Field(ge=1900, le=2100)
    """Year of publication as the reference gives it."""
    date: PartialDate | None = None
    """When it first became public."""
    venue: Line | None = None
    """Where it appeared."""
    ids: PaperIds | None = None
    """Identifiers."""
    links: PaperLinks | None = None
    """Addresses."""
    scope: Literal["core", "background", "survey", "tooling", "neighbour"] = "core"
    """`core`: about mixtures of experts; the others are here because a survey leans on them."""

    SELF_SOURCED: ClassVar[frozenset[str]] = Record.SELF_SOURCED | {"scope", "authors_complete"}

    @property
    def folder_year(self) -> str:
        """The folder a paper is filed under: the year it first became public."""
        return self.date[:4] if self.date else str(self.year)
