"""What a record is worth comparing with."""

import pytest


def test_kin_of_a_design_are_of_its_component(kb):
    found = kb.kin("design:alpha-router")
    components = {brief.record for brief in kb.designs_of("gating")}
    assert set(found) <= components - {"design:alpha-router"}


@pytest.mark.integration
@pytest.mark.parametrize(("record", "near"), [
    ("design:switch-top1-router", "design:gshard-top2"), ("design:deepseek-v3-router", "design:deepseek-v2-router"),
    ("model:deepseek-v3", "model:deepseek-v2"),
])  # fmt: skip
def test_kin_come_of_lineage_or_maker(real_kb, record, near):
    assert near in real_kb.kin(record)


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["design", "model"])
def test_pairs_are_two_of_a_kind(real_kb, kind):
    found = real_kb.pairs(kind)
    assert len(found) >= 4
    assert all(one != other and {one.partition(":")[0], other.partition(":")[0]} == {kind} for one, other in found)
    assert len({frozenset(pair) for pair in found}) == len(found)
