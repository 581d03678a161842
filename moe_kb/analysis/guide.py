"""Which router: designs that satisfy what the answers require, the fitting ones first, and what removed the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from moe_kb.queries.designs import RECENT, Gate
from moe_kb.queries.guide import Guide, Question, Rule

#: Candidates that are offered.
MOST = 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """A design that satisfies every requirement."""

    gate: Gate
    score: int
    """Preferences that it meets, less what it has of what is to be avoided."""
    met: tuple[Rule, ...]
    """Requirements and preferences that it meets."""
    against: tuple[Rule, ...]
    """Preferences that it does not meet, and what it has of what is to be avoided."""
    unknown: tuple[Rule, ...]
    """Preferences of which the records do not tell."""


@dataclass(frozen=True, slots=True)
class Removal:
    """What a requirement removed."""

    rule: Rule
    refused: tuple[Gate, ...]
    """Designs that do not satisfy it."""
    unknown: tuple[Gate, ...]
    """Designs of which the records do not tell."""
    alone: int
    """How many of both no other requirement removes."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What the guide answers."""

    answers: Mapping[str, str]
    """Those that there are: key of the question to key of the answer."""
    candidates: tuple[Candidate, ...]
    """At most three, the most fitting first."""
    others: tuple[Candidate, ...]
    """Every other design that satisfies the requirements, in the same order."""
    removed: tuple[Removal, ...]
    silent: tuple[Question, ...]
    """Questions whose answer no rule speaks of."""


def advise(guide: Guide, gates: Sequence[Gate], answers: Mapping[str, str]) -> Advice:
    """Weigh every gating design against the answers.

    Designs are ordered by how many preferences they meet; then those that can be run here come first, then what
    recent models use, what anyone uses, what is newer, and the key.

    Args:
        guide: Questions and rules.
        gates: Every gating design.
        answers: Question to answer; what is no question or no answer counts as not known.
    """
    known = {q.key: answers[q.key] for q in guide.questions if answers.get(q.key) in q.answers}
    rules = [rule for rule in guide.rules if rule.fires(known)]
    required = [rule for rule in rules if rule.effect == "require"]
    wished = [rule for rule in rules if rule.effect != "require"]
    failing = {
        gate.record: [rule.key for rule in required if rule.holds(gate.properties) is not True] for gate in gates
    }
    candidates = [_weighed(gate, required, wished) for gate in gates if not failing[gate.record]]

    def place(candidate: Candidate) -> tuple[int, bool, int, int, int, str]:
        gate = candidate.gate
        return -candidate.score, not gate.runs, -gate.recent, -gate.users, -(gate.year or 0), gate.record

    candidates.sort(key=place)
    spoken = {question for rule in rules for question in rule.when}
    return Advice(
        known,
        tuple(candidates[:MOST]),
        tuple(candidates[MOST:]),
        tuple(_removal(rule, gates, failing) for rule in required),
        tuple(question for question in guide.questions if question.key in known.keys() - spoken),
    )


def _weighed(gate: Gate, required: Sequence[Rule], wished: Sequence[Rule]) -> Candidate:
    holds = {rule.key: rule.holds(gate.properties) for rule in wished}
    preferred = [rule for rule in wished if rule.effect == "prefer"]
    avoided = [rule for rule in wished if rule.effect == "avoid" and holds[rule.key]]
    met = [rule for rule in preferred if holds[rule.key]]
    return Candidate(
        gate,
        len(met) - len(avoided),
        (*required, *met),
        (*(rule for rule in preferred if holds[rule.key] is False), *avoided),
        tuple(rule for rule in preferred if holds[rule.key] is None),
    )


def _removal(rule: Rule, gates: Sequence[Gate], failing: Mapping[str, Sequence[str]]) -> Removal:
    refused = tuple(gate for gate in gates if rule.holds(gate.properties) is False)
    unknown = tuple(gate for gate in gates if rule.holds(gate.properties) is None)
    alone = sum(failing[gate.record] == [rule.key] for gate in (*refused, *unknown))
    return Removal(rule, refused, unknown, alone)


def risks(candidate: Candidate) -> Iterator[str]:
    """What speaks against a candidate, in sentences made from its properties and from the rules."""
    stated = candidate.gate.properties
    for rule in candidate.against:
        yield f"{'It has what is better avoided' if rule.effect == 'avoid' else 'Not met'}: {rule.label}."
    for rule in candidate.unknown:
        yield f"Not reported: whether {rule.label}."
    if stated["overflow"] == "dropped":
        yield "Tokens that an expert has no room for are dropped."
    if stated["differentiable"] in ("estimated", "no"):
        how = {"estimated": "only an estimate of its gradient", "no": "no gradient from the choice"}
        yield f"The router gets {how[stated['differentiable']]}."
    if stated["train_inference_difference"]:
        yield f"Training and inference differ: {stated['train_inference_difference']}."
    if stated["balancing"] is None:
        yield "How it evens the load is not reported."
    elif stated["selection_bias"] != "yes" and "loss" in stated["balancing"]:
        yield f"The load is evened by a loss, whose weight has to be tuned: {stated['balancing']}."
    if not candidate.gate.recent:
        yield f"No model released since {RECENT} is recorded to use it."
