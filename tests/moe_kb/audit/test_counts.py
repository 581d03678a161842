"""Counts of experts in which routed and shared ones are mixed up."""

import pytest

MODEL, TABLE = "data/models/alpha.yaml", "data/tables/first-table.yaml"
# A size whose layers nobody describes, so that only what sources print is compared.
LABEL = "- label: 2B\nclaims:\n"


def claim(source: str, field: str, value: int, counting: str = "") -> str:
    counted = f", counting: {counting}" if counting else ""
    return f"- {{source: {source}, field: {field}, value: {value}, configuration: 2B{counted}}}\n"


@pytest.mark.parametrize(("total", "counting", "shared", "says"), [
    (9, "incl-shared", 1, None), (8, "incl-shared", 1, "the shared ones left out"), (8, "excl-shared", 1, None),
    (9, "excl-shared", 1, "9 [first-survey], but 8 [second-list] routed make 8"),
    (10, "incl-shared", 1, "counted twice"), (8, "incl-shared", 0, None),
    (8, "unclear", 1, "does not say whether shared experts are counted"),
])  # fmt: skip
@pytest.mark.parametrize("fields", [("n_experts_total", "n_routed_experts"), ("n_experts_active", "experts_per_token")])
def test_counts_in_tables_against_routed_experts(audit, total, counting, shared, says, fields):
    claims = claim("second-list", fields[1], 8) + claim("first-survey", "n_shared_experts", shared)
    claims += claim("first-survey", fields[0], total, counting)
    issues = audit((MODEL, "claims:\n", LABEL + claims))
    assert len(issues) == (says is not None)
    if says:
        assert says in issues[0].message
        assert issues[0].field == fields[0]
        rule = "counts/unclear" if counting == "unclear" else "counts/sum-does-not-fit"
        assert issues[0].rule == rule


def test_sources_with_routed_counts_are_left_alone(ids):
    claims = claim("second-list", "n_routed_experts", 8) + claim("first-survey", "n_routed_experts", 16)
    claims += claim("first-survey", "n_experts_total", 16, "incl-shared")
    found = ids((MODEL, "claims:\n", LABEL + claims))
    assert found == {"claims/differ/model:alpha#2B/n_routed_experts"}


def test_routed_counts_that_include_shared_are_issues(audit):
    claims = claim("second-list", "experts_per_token", 9) + claim("first-survey", "experts_per_token", 8)
    claims += claim("first-survey", "n_shared_experts", 1)
    rules = {f.rule: f for f in audit((MODEL, "claims:\n", LABEL + claims))}
    assert set(rules) == {"claims/differ", "counts/routed-with-shared"}
    assert "9 [second-list] is 8 [first-survey] plus 1 [first-survey]" in rules["counts/routed-with-shared"].message


@pytest.mark.parametrize(("active", "found"), [(2, False), (1, True)])
def test_shared_experts_that_leave_no_routed_one(ids, active, found):
    claims = claim("first-survey", "n_experts_active", active, "incl-shared")
    claims += claim("first-survey", "n_shared_experts", 1)
    expected = {"counts/no-room-for-shared/model:alpha#2B/n_experts_active=first-survey"} if found else set()
    assert ids((MODEL, "claims:\n", LABEL + claims)) == expected
