"""Whether runs can be compared."""

import pytest

from moe_kb.analysis.run_budget import budgets_differ, departures, like_with_like


@pytest.mark.parametrize(("config", "found"), [
    ({"optimiser": {"steps": 300}, "seed": 7, "threads": 2, "layer": {"new": 1}}, {}),
    ({"steps": 300, "task": {"name": "text"}}, {}), ({"optimiser": {"steps": 60}}, {"steps": (60, 300)}),
    ({"task": {"name": "clusters"}, "steps": 300}, {"task": ("clusters", "text")}),
])  # fmt: skip
def test_departures_are_of_what_is_learnt(config, found):
    assert departures(config, {"task": "text", "steps": 300, "seed": 0, "threads": 1}) == found


@pytest.mark.parametrize(("active", "equal", "said"), [
    ({"A": 730_240, "B": 726_144}, True, "like with like"), ({"A": 100, "B": 100}, True, "Active parameters 100:"),
    ({"A": 1_230_000, "B": 1_000_000}, False, "A has 1.23 times as many as B"), ({"A": 0, "B": 9}, False, "not like"),
])  # fmt: skip
def test_models_of_one_size_are_compared(active, equal, said):
    found, sentence = like_with_like(active)
    assert found is equal
    assert said in sentence


def test_budgets_are_told_apart():
    same = {"optimiser": {"steps": 60, "batch_size": 8}}
    assert budgets_differ([same, {"steps": 60, "batch_size": 8}]) == {}
    assert budgets_differ([same, {"steps": 240, "batch_size": 8}, same]) == {"steps": [60, 240]}
