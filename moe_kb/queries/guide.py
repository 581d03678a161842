"""The guide to a router: its questions, and its rules with their sources."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from moe_kb.db.reader import Reader
from moe_kb.queries.record_page import Cited

Effect = Literal["require", "prefer", "avoid"]


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its answers; not to answer it is always possible."""

    key: str
    label: str
    """In a word or two."""
    question: str
    help: str | None
    answers: Mapping[str, str]
    """What people read, by key."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a property says."""

    property: str
    one_of: tuple[str, ...]
    contains: str | None

    def holds(self, properties: Mapping[str, str | None]) -> bool | None:
        """Whether it holds; None where the property is not reported."""
        value = properties[self.property]
        if value is None:
            return None
        return self.contains in value if self.contains else value in self.one_of


@dataclass(frozen=True, slots=True)
class Rule:
    """What follows from answers."""

    key: str
    when: Mapping[str, tuple[str, ...]]
    """Questions, each with the answers one of which must be given; empty: always."""
    effect: Effect
    any_of: tuple[Condition, ...]
    refuted_by: tuple[Condition, ...]
    """What shows that it does not hold, where no condition does and a property is not reported."""
    label: str
    reason: str
    cites: tuple[Cited, ...]

    def fires(self, answers: Mapping[str, str]) -> bool:
        """Whether the answers call for it."""
        return all(answers.get(question) in given for question, given in self.when.items())

    def holds(self, properties: Mapping[str, str | None]) -> bool | None:
        """Whether one of its conditions holds; None where none does and a property is not reported."""
        found = [condition.holds(properties) for condition in self.any_of]
        if True in found:
            return True
        refuted = any(condition.holds(properties) for condition in self.refuted_by)
        return None if None in found and not refuted else False


@dataclass(frozen=True, slots=True)
class Guide:
    """Questions in the order to ask them in, and rules."""

    questions: tuple[Question, ...]
    rules: tuple[Rule, ...]


def guide(reader: Reader) -> Guide:
    """All of `data/guide.yaml`."""
    questions: dict[str, Question] = {}
    answers: dict[str, dict[str, str]] = {}
    for key, label, asked, help_, answer, read in reader.tuples(
        "SELECT question, short, asked, help, answer, label FROM guide_answers ORDER BY id"
    ):
        answers.setdefault(key, {})[answer] = read
        questions[key] = Question(key, label, asked, help_, answers[key])
    rules = (
        Rule(
            key,
            {question: tuple(given) for question, given in json.loads(when).items()},
            effect,
            tuple(map(_condition, json.loads(any_of))),
            tuple(map(_condition, json.loads(refuted_by))),
            label,
            reason,
            tuple(Cited(cite["source"], cite.get("locator")) for cite in json.loads(cites)),
        )
        for key, when, effect, any_of, refuted_by, label, reason, cites in reader.tuples(
            'SELECT key, "when", effect, any_of, refuted_by, label, reason, cites FROM guide_rules ORDER BY id'
        )
    )
    return Guide(tuple(questions.values()), tuple(rules))


def _condition(read: Mapping[str, Any]) -> Condition:
    return Condition(read["property"], tuple(read.get("one_of", ())), read.get("contains"))
