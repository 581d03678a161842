"""The guide: questions about what a router is needed for, and rules that follow from the answers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from moe_kb.records.base import Citation, Key, Line, Part

Effect = Literal["require", "prefer", "avoid"]


class GuideAnswer(Part):
    """An answer that can be chosen."""

    key: Key
    """Stands in addresses."""
    label: Line
    """What the person reads."""


class GuideQuestion(Part):
    """A question; "don't know" is always an answer, too, and is not listed."""

    key: Key
    """Stands in addresses."""
    label: Line
    """In a word or two."""
    question: Line
    """In full."""
    help: Line | None = None
    """What hangs on it."""
    answers: Annotated[list[GuideAnswer], Field(min_length=2)]
    """The answers."""


class GuideCondition(Part):
    """What a typed property of a gating design says; exactly one of `one_of` and `contains`."""

    property: Line
    """Name of the property."""
    one_of: list[Line] = Field(default_factory=list)
    """Codes of its vocabulary (`yes` and `no` of a truth value) that satisfy the condition."""
    contains: Line | None = None
    """Words that a property that is text must contain."""


class GuideRule(Part):
    """What follows from answers. Rules speak of properties and never name a design."""

    key: Key
    """Unique."""
    when: dict[Key, Annotated[list[Key], Field(min_length=1)]] = Field(default_factory=dict)
    """Questions, each with the answers one of which must have been given; empty: always."""
    effect: Effect
    """`require` removes designs that do not satisfy the conditions or of which that is not reported; `prefer` and
    `avoid` move them up or down."""
    any_of: Annotated[list[GuideCondition], Field(min_length=1)]
    """Conditions, one of which is enough."""
    refuted_by: list[GuideCondition] = Field(default_factory=list)
    """Where none of `any_of` holds, one of these shows that the design does not satisfy the rule although a property
    is not reported."""
    label: Line
    """What is asked of the design, in a few words."""
    reason: Line
    """Why, in our own words."""
    cites: Annotated[list[Citation], Field(min_length=1)]
    """Where the reason was read."""


class Guide(Part):
    """The file `data/guide.yaml`."""

    questions: Annotated[list[GuideQuestion], Field(max_length=6)]
    """In the order to ask them in; at most six."""
    rules: list[GuideRule]
    """In the order in which what they remove is told."""
