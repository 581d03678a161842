"""The glossary: terms of the field in our own words, each with the place where its meaning was read."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from moe_kb.kinds import KINDS
from moe_kb.records.base import KEY_PATTERN, NODE_PATTERN, Citation, Line, Part

#: A record's full name, or `node:` and a taxonomy node's.
SEE_PATTERN = rf"^(?:(?:{'|'.join(KINDS)}):{KEY_PATTERN[1:-1]}|node:{KEY_PATTERN[1:-1]}:{NODE_PATTERN[1:-1]})$"
See = Annotated[str, StringConstraints(pattern=SEE_PATTERN, max_length=300)]
Definition = Annotated[str, StringConstraints(min_length=20, max_length=600)]


class Term(Citation):
    """A term; `source` and `locator` say where its meaning was read."""

    term: Line
    """As it stands in a sentence: lower case unless it is a name."""
    short: list[Line] = Field(default_factory=list)
    """Short forms and other spellings by which people search for it."""
    definition: Definition
    """What it means, in our own words, in a sentence or two."""
    see: list[See] = Field(default_factory=list)
    """Designs, papers, models and taxonomy nodes (`node:survey-a:system/communication`) that show it."""


class Glossary(Part):
    """The file `data/glossary.yaml`."""

    terms: list[Term]
    """One entry a term, in alphabetical order."""
