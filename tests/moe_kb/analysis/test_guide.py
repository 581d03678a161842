"""The guide: what every combination of answers gives, and what the records cannot tell."""

from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_kb.analysis.guide import MOST, advise, risks
from moe_kb.fields import GATING_PROPERTIES
from moe_kb.queries.designs import Gate, vocabularies
from moe_kb.queries.guide import Condition, Guide, Question, Rule


def gate(key: str, *, runs: bool = False, recent: int = 0, **properties: str) -> Gate:
    stated = {name: properties.get(name) for name in GATING_PROPERTIES}
    return Gate(f"design:{key}", key, None, recent, recent, runs, stated, key)


def rule(key: str, effect: str, when: dict, *conditions: Condition, refuted: Sequence[Condition] = ()) -> Rule:
    return Rule(key, when, effect, conditions, tuple(refuted), key, key, ())


QUESTION = Question("causal", "Causal", "Is it?", None, {"yes": "Yes", "no": "No"})
SAFE = rule("safe", "require", {"causal": ("yes",)}, Condition("autoregressive_safe", ("yes",), None))
EVEN = rule("even", "prefer", {}, Condition("balancing", (), "even"))
GROUPS = rule("groups", "avoid", {}, Condition("groups", (), "experts"))
GUIDE = Guide((QUESTION,), (SAFE, EVEN, GROUPS))


def names(advice) -> list[str]:
    return [candidate.gate.name for candidate in (*advice.candidates, *advice.others)]


def test_a_requirement_removes_what_it_does_not_know():
    gates = [gate("safe", autoregressive_safe="yes"), gate("leaky", autoregressive_safe="no"), gate("silent")]
    advice = advise(GUIDE, gates, {"causal": "yes"})
    assert names(advice) == ["safe"]
    (removal,) = advice.removed
    assert [g.name for g in removal.refused] == ["leaky"]
    assert [g.name for g in removal.unknown] == ["silent"]
    assert removal.alone == 2
    assert len(names(advise(GUIDE, gates, {}))) == 3


def test_preferences_order_and_say_why():
    gates = [gate("plain"), gate("grouped", groups="experts in 8 groups"), gate("even", balancing="even by hand")]
    advice = advise(GUIDE, gates, {})
    assert names(advice) == ["even", "plain", "grouped"]
    even, plain, grouped = advice.candidates
    assert (even.met, plain.unknown, grouped.against) == ((EVEN,), (EVEN,), (GROUPS,))
    assert "Not reported: whether even." in list(risks(plain))
    assert "It has what is better avoided: groups." in list(risks(grouped))


def test_what_runs_and_what_is_used_comes_first():
    gates = [gate("old"), gate("used", recent=2), gate("runs", runs=True, recent=1)]
    assert names(advise(GUIDE, gates, {})) == ["runs", "used", "old"]


@pytest.mark.parametrize("answers", [{"causal": "perhaps"}, {"gone": "yes"}, {"causal": ""}])
def test_what_is_no_answer_counts_as_unknown(answers):
    gates = [gate("a"), gate("b", autoregressive_safe="yes")]
    assert advise(GUIDE, gates, answers) == advise(GUIDE, gates, {})


def test_an_answer_without_a_rule_is_named():
    assert advise(GUIDE, [gate("a")], {"causal": "no"}).silent == (QUESTION,)
    assert advise(GUIDE, [gate("a")], {"causal": "yes"}).silent == ()


def test_what_refutes_a_rule_is_no_unknown():
    bias, loss = Condition("selection_bias", ("yes",), None), Condition("balancing", (), "loss")
    without = rule("without", "require", {}, bias, refuted=[loss])
    said = gate("said", balancing="auxiliary loss")
    assert without.holds(said.properties) is False
    assert without.holds(gate("silent").properties) is None
    assert without.holds(gate("both", balancing="a small loss", selection_bias="yes").properties) is True


WORDS = {name: st.none() | st.sampled_from(words) for name, words in vocabularies().items()}
GATES = st.lists(st.fixed_dictionaries(WORDS), max_size=8).map(
    lambda found: [gate(f"g{n}", **{k: v for k, v in stated.items() if v}) for n, stated in enumerate(found)]
)
ANSWERS = st.fixed_dictionaries({}, optional={"causal": st.sampled_from(["yes", "no"])})


@given(GATES, ANSWERS)
def test_any_gates_give_at_most_three(gates, answers):
    advice = advise(GUIDE, gates, answers)
    assert len(advice.candidates) == min(MOST, len(names(advice)))
    gone = {g.name for removal in advice.removed for g in (*removal.refused, *removal.unknown)}
    assert gone | set(names(advice)) == {g.name for g in gates}
    assert not gone & set(names(advice))
    assert advice == advise(GUIDE, gates, answers)


# --- the real guide --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(request):
    kb = request.getfixturevalue("real_kb")
    return kb.guide(), kb.gates()


def combinations(guide: Guide) -> list[dict[str, str]]:
    every = product(*[[None, *question.answers] for question in guide.questions])
    keys = [question.key for question in guide.questions]
    return [{key: answer for key, answer in zip(keys, chosen, strict=True) if answer} for chosen in every]


@pytest.mark.integration
def test_every_combination_satisfies_what_it_requires(real):
    guide, gates = real
    found = {}
    for answers in combinations(guide):
        advice = advise(guide, gates, answers)
        assert len(advice.candidates) <= MOST
        for candidate in (*advice.candidates, *advice.others):
            fired = [rule for rule in guide.rules if rule.fires(answers) and rule.effect == "require"]
            assert all(rule.holds(candidate.gate.properties) for rule in fired)
            assert answers.get("causal") != "yes" or candidate.gate.properties["autoregressive_safe"] == "yes"
        found[tuple(sorted(answers.items()))] = set(names(advice))
    for answers, designs in found.items():
        for left_out in answers:
            assert designs <= found[tuple(answer for answer in answers if answer != left_out)]


@pytest.mark.integration
def test_the_real_guide_asks_six_sourced_questions(real, real_kb):
    guide, gates = real
    assert 1 <= len(guide.questions) <= 6
    sources = set(real_kb.sources())
    assert all(rule.cites and {cite.source for cite in rule.cites} <= sources for rule in guide.rules)
    spoken = {(question, answer) for rule in guide.rules for question, given in rule.when.items() for answer in given}
    assert all(any(question.key == asked for asked, _ in spoken) for question in guide.questions)
    assert advise(guide, gates, {}).candidates


@pytest.mark.integration
def test_adoption_is_what_the_records_say(real_kb):
    adoption, gates = real_kb.adoption(), {gate.record: gate for gate in real_kb.gates()}
    ((users,),) = real_kb.query(
        "SELECT count(DISTINCT user) FROM models_by_router WHERE user_kind = 'model' AND year >= 2025 "
        "AND design = 'deepseek-v3-router'"
    ).rows
    assert gates["design:deepseek-v3-router"].recent == users > 5
    assert users <= adoption.known <= adoption.models
    assert adoption.text(3).startswith(f"used by 3 of {adoption.known} models released since 2025")
