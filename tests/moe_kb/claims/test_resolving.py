"""Which claim is shown first, and which disagreements are listed."""

from typing import Any

import pytest

from moe_kb.claims.claim import Claim
from moe_kb.claims.resolve import SOURCE_RANK, resolve
from moe_kb.records import Resolution

TYPES = {f"a-{kind}": kind for kind in SOURCE_RANK}


def claim(value: Any, source: str = "a-survey", field: str = "params_total", **more: Any) -> Claim:
    record, configuration = more.pop("record", "model:a"), more.pop("configuration", None)
    return Claim(record, "model:a", configuration, field, value, source, **more)


def note(prefer: str, field: str = "params_total", configuration: str | None = None) -> dict[str, list[Resolution]]:
    resolution = Resolution(source="a-paper", field=field, configuration=configuration, prefer=prefer, reason="counted")
    return {"model:a": [resolution]}


def test_the_best_kind_of_source_is_preferred():
    order = ["config", "count", "paper", "model-card", "survey", "list", "page"]
    claims = [claim(number, f"a-{kind}") for number, kind in enumerate(reversed(order))]
    (dispute,) = resolve(claims, TYPES, {})
    assert [c.source for c in dispute.claims] == [f"a-{kind}" for kind in order]
    assert [c.source for c in claims if c.preferred] == ["a-config"]


def test_reported_and_clearly_counted_values_are_preferred():
    derived, reported = claim(1, status="derived"), claim(1)
    resolve([derived, reported], TYPES, {})
    assert (derived.preferred, reported.preferred) == (False, True)
    unclear, clear = claim(9, counting="unclear"), claim(8, counting="incl-shared")
    resolve([unclear, clear], TYPES, {})
    assert (unclear.preferred, clear.preferred) == (False, True)


@pytest.mark.parametrize("printed", [["A. Author", "B. C. Writer"], ["A. Author"], ["J.-L. Author", "W. Writer Jr."]])
def test_authors_in_full_come_before_initials(printed):
    short, full = claim(printed, field="authors"), claim(["Ada Author", "B. Writer"], "a-list", "authors")
    resolve([short, full], TYPES, {})
    assert (short.preferred, full.preferred) == (False, True)


def test_groups_of_authors_are_no_initials():
    survey, page = claim(["The Model Team"], field="authors"), claim(["Ada Author"], "a-page", "authors")
    resolve([survey, page], TYPES, {})
    assert (survey.preferred, page.preferred) == (True, False)


def test_preference_does_not_depend_on_order():
    for order in (1, -1):
        claims = [claim(1, record="model:a"), claim(2, record="table:b"), claim(3, record="paper:c")][::order]
        resolve(claims, TYPES, {})
        assert [c.record for c in claims if c.preferred] == ["model:a"]


def test_an_unknown_source_goes_last():
    claims = [claim(1, "nobody"), claim(2, "a-page")]
    resolve(claims, TYPES, {})
    assert claims[0].preferred or claims[1].preferred
    assert not (claims[0].preferred and claims[1].preferred)


def test_resolutions_choose_the_preferred_value():
    claims = [claim(1, "a-config"), claim(2, "a-list")]
    (dispute,) = resolve(claims, TYPES, note("a-list"))
    assert [c.preferred for c in claims] == [False, True]
    assert dispute.resolution is not None
    assert dispute.claims[0].source == "a-list"


@pytest.mark.parametrize(("field", "configuration", "closes"), [
    ("params_active", None, False), ("params_total", "2B", False), ("params_total", "1B", True),
    ("params_total", None, False),
])  # fmt: skip
def test_resolutions_close_only_their_own_field(field, configuration, closes):
    claims = [claim(1, "a-config", configuration="1B"), claim(2, "a-list", configuration="1B")]
    dispute, *idle = resolve(claims, TYPES, note("a-list", field, configuration))
    assert (dispute.resolution is not None) is closes
    assert [item.kind for item in idle] == ([] if closes else ["note"])


def test_resolutions_without_their_claim_close_nothing():
    claims = [claim(1, "a-config", configuration="1B"), claim(2, "a-list", configuration="1B")]
    dispute, idle = resolve(claims, TYPES, note("a-page", "params_total", "1B"))
    assert dispute.resolution is None
    assert (idle.kind, idle.field, idle.configuration, idle.claims) == ("note", "params_total", "1B", [])


def test_preference_is_decided_anew_each_time():
    claims = [claim(1, "a-list")]
    resolve(claims, TYPES, {})
    better = claim(1, "a-config")
    resolve([*claims, better], TYPES, {})
    assert [c.preferred for c in (*claims, better)] == [False, True]


def test_records_repeating_a_cell_make_one_claim():
    own, cell = claim(7, "a-survey"), claim(7, "a-survey", table_row="t#1", printed="7")
    other = claim(7, "a-list")
    assert resolve([own, cell, other], TYPES, {}) == []
    assert [c.repeats for c in (own, cell, other)] == [True, False, False]
    assert cell.preferred


def test_models_are_compared_with_their_only_configuration():
    whole, detail = claim("2024-06", field="released"), claim("2024-03", "a-list", field="released", configuration="8B")
    (dispute,) = resolve([whole, detail], TYPES, {})
    assert (dispute.field, dispute.configuration, len(dispute.claims)) == ("released", "8B", 2)
    assert resolve([whole, detail, claim("2024-09", "a-list", field="released", configuration="70B")], TYPES, {}) == []


def test_claims_that_agree_are_no_disagreement():
    assert resolve([claim(37_000_000_000, printed="37B"), claim(37_552_282_624, "a-count")], TYPES, {}) == []


def test_claims_of_different_settings_do_not_disagree():
    claims = [claim(45, field="mmlu", setting="5-shot"), claim(60, "a-paper", field="mmlu", setting="0-shot")]
    assert resolve(claims, TYPES, {}) == []
    assert all(c.preferred for c in claims)


def test_only_those_who_differ_are_listed():
    claims = [claim(8, "a-config"), claim(8, "a-survey"), claim(64, "a-list", counting="incl-shared")]
    claims.append(claim(65, "a-page", counting="excl-shared"))
    (dispute,) = resolve(claims, TYPES, {})
    assert {c.source for c in dispute.claims} == {"a-config", "a-survey", "a-list", "a-page"}
    assert (
        resolve([claim(64, "a-list", counting="incl-shared"), claim(63, "a-page", counting="excl-shared")], TYPES, {})
        == []
    )


def test_unclear_counts_are_disagreements_of_their_own():
    alone = claim(64, counting="unclear", field="n_experts_total")
    (dispute,) = resolve([alone], TYPES, {})
    assert (dispute.kind, dispute.claims) == ("counting", [alone])
    first, second = claim(64, counting="unclear"), claim(256, "a-config", counting="incl-shared")
    (dispute,) = resolve([first, second], TYPES, {})
    assert (dispute.kind, dispute.claims) == ("counting", [first])


def test_names_and_multivalued_fields_never_disagree():
    assert resolve([claim("A", field="title"), claim("B", "a-paper", field="title")], TYPES, {}) == []
    assert resolve([claim(1, field="loss_terms"), claim(2, "a-paper", field="loss_terms")], TYPES, {}) == []
