"""Claims that disagree, and numbers that cannot both hold."""

import pytest
from trees import edit

from moe_kb.claims.placement import layers_with_experts
from moe_kb.kb import open_kb

PAPER = "data/papers/2021/alpha.yaml"
MODEL, TABLE, SECOND = "data/models/alpha.yaml", "data/tables/first-table.yaml", "data/tables/second-table.yaml"
NOTE = """\
resolutions:
- {{source: first-survey, locator: §9, field: {}, configuration: 1B, prefer: second-list, reason: misprint}}
provenance:"""
CLAIM = "- {{source: second-list, field: {}, value: {}, configuration: 1B}}\nprovenance:"


def test_nothing_is_found_where_sources_agree(ids):
    assert ids() == set()


def test_unused_resolutions_are_issues(ids):
    assert ids((MODEL, "provenance:", NOTE.format("vocab_size"))) == {"claims/idle-note/model:alpha#1B/vocab_size"}


def test_resolved_disagreements_carry_their_resolution(tree, database):
    edit(tree, MODEL, "provenance:", NOTE.format("d_model"))
    (issue,) = open_kb(tree, database=database).audit(rule="claims")
    assert not issue.open
    assert issue.waived.text == "misprint (first-survey, §9)"
    assert issue.message.startswith("768 [second-list, README, row 1] ≠ 512")
    assert issue.cited == ("second-list", "alpha-config", "first-survey")


@pytest.mark.parametrize(("field", "value", "found"), [
    ("params_active", 900_000_000, False), ("n_moe_layers", 3, False), ("n_kv_heads", 8, False),
    ("n_kv_heads", 16, True),
])  # fmt: skip
def test_parts_that_exceed_their_whole_are_issues(ids, field, value, found):
    claims = f"- {{source: second-list, field: n_heads, value: 8, configuration: 1B}}\n{CLAIM.format(field, value)}"
    expected = {f"claims/impossible-order/model:alpha#1B/{field}=second-list"} if found else set()
    assert {issue for issue in ids((MODEL, "provenance:", claims)) if "impossible" in issue} == expected


def test_impossible_orders_name_both_numbers_and_places(audit):
    found = audit((MODEL, "provenance:", CLAIM.format("params_active", 2_000_000_000)))
    (issue,) = [f for f in found if f.family == "claims"]
    assert issue.id == "claims/impossible-order/model:alpha#1B/params_active=second-list"
    assert "2,000,000,000 [second-list] exceeds params_total 1B [second-list, README, row 1]" in issue.message


@pytest.mark.parametrize(("printed", "layers", "expected"), [
    ("1", 32, 32), ("1/2", 24, 12), ("1/4, add extra FFN", 27, 6), ("1/2, 1:7 Attention:Mamba", 32, 16),
    ("1, except 1st layer", 28, 27), ("1, except first 3 layers", 61, 58), ("1, except the last layer", 61, None),
    ("every other layer", 24, None), ("2", 24, None), ("1/0", 24, None),
])  # fmt: skip
def test_layers_with_experts_as_tables_print_them(printed, layers, expected):
    assert layers_with_experts(printed, layers) == expected


@pytest.mark.parametrize(("printed", "found"), [("1, except 1st layer", False), ("1", True), ("1/2", True)])
def test_placement_against_the_layers_of_the_architecture(audit, printed, found):
    columns = (
        "- {name: n_layers, type: integer, field: n_layers, description: Layers}\n"
        "- {name: moe_placement, type: text, field: moe_placement, description: Placement}\nrows:"
    )
    cells = f"cells: {{n_layers: '4', moe_placement: '{printed}', params_total: 1B, d_model: '768'}}"
    issues = audit((SECOND, "rows:", columns), (SECOND, "cells: {params_total: 1B, d_model: '768'}", cells))
    assert [f.id for f in issues] == (
        ["claims/placement-of-experts/model:alpha#1B/moe_placement=second-table#1; alpha-config"] if found else []
    )
    if found:
        assert "of 4 [second-list, README, row 1] layers makes" in issues[0].message
        assert "but 3 are there [alpha-config, config.json]" in issues[0].message


@pytest.mark.parametrize(
    ("layers", "claims", "found"),
    [
        ("moe", {"d_ffn": 4096}, ["model:alpha#1B"]),
        ("moe", {"d_ffn": 2048}, []),  # the experts' own width under the usual name
        ("dense", {"d_ffn": 4096}, []),
    ],
)
def test_a_dense_width_needs_a_dense_layer(audit, layers, claims, found):
    dense = "        - {kind: dense, d_ffn: 2048, activation: relu}\n"
    mixture = "        - {kind: moe, n_routed_experts: 8, experts_per_token: 1, d_expert: 2048, activation: relu}\n"
    told = "".join(
        f"- {{source: second-list, field: {field}, value: {value}, configuration: 1B}}\n"
        for field, value in claims.items()
    )
    edits = [("data/models/alpha.yaml", "\nclaims:\n", f"\nclaims:\n{told}")]
    if layers == "moe":
        edits.append(("data/models/alpha.yaml", dense, mixture))
    issues = audit(*edits)
    rule = "claims/dense-width-without-dense-layer"
    assert [
        f"{f.subject}#{f.configuration}" for f in issues if f.rule == rule and f.claims[0].value in claims.values()
    ] == found


@pytest.mark.parametrize(
    ("shown", "claimed", "found"),
    [
        ("arXiv 2021", "Conference of Examples 2021", True), ("Conference of Examples 2021", "arXiv", False),
        ("Github 2021", "ICLR 2022", True), ("Conference of Examples 2021", "Conference of Examples 2021", False),
    ],
)  # fmt: skip
def test_a_record_shows_its_preferred_venue(audit, shown, claimed, found):
    claim = f"claims:\n- {{source: second-list, field: venue, value: {claimed}}}\nprovenance:"
    issues = audit((PAPER, "venue: Conference of Examples 2021", f"venue: {shown}"), (PAPER, "provenance:", claim))
    wrong = [issue for issue in issues if issue.rule == "claims/shown-not-preferred"]
    assert [issue.id for issue in wrong] == ["claims/shown-not-preferred/paper:alpha/venue=second-list"] * found
    assert all(f"the record shows {shown}, but preferred is {claimed} [second-list]" in i.message for i in wrong)
