"""One model's values."""

import pytest
import small
from small import architecture

from moe_kb.analysis.size_tables import claimed_rows
from moe_kb.claims.claim import Claim
from moe_kb.queries.values import Value, precision, shown
from moe_kb.sizing import UnsizedError, count


def claim(value: object, printed: str | None = None, status: str = "reported") -> Claim:
    return Claim("model:m", "model:m", None, "params_total", value, "s", printed=printed, status=status)  # type: ignore[arg-type]


@pytest.mark.parametrize(("value", "text", "digit"), [
    (claim(47_000_000_000, "47B"), "47B", "to 1B"), (claim(46_702_792_704), "46,702,792,704", "exact"),
    (claim(70.6, "70.6"), "70.6", "to 0.1"), (claim(2048, "2048"), "2,048", "exact"),
    (claim(2048, "4*d_model", status="derived"), "2,048", "exact"), (claim("GEGLU", "GEGLU"), "GEGLU", ""),
    (claim(["a", "b"]), "a, b", ""), (claim(True), "true", ""),
])  # fmt: skip
def test_a_value_is_shown_as_printed_with_its_precision(value, text, digit):
    assert (shown(value), precision(value)) == (text, digit)


def test_the_best_source_comes_first_and_a_disagreement_names_both_values(kb):
    by_field = {value.field: value for value in kb.values("alpha")["1B"]}
    width = by_field["d_model"]
    assert shown(width.preferred) == "512"
    assert {claim.source for claim in width.others} == {"first-survey", "second-list"}
    assert "512 (alpha-config)" in width.conflict
    assert "768 (second-list)" in width.conflict
    assert by_field["vocab_size"].conflict == ""


def test_measurements_under_different_settings_are_different_values(kb):
    scores = [value for value in kb.values("alpha")["1B"] if value.field == "mmlu"]
    assert {value.label: value.preferred.number for value in scores} == {"MMLU, 0-shot": 46.5, "MMLU, 5-shot": 45.0}


def test_every_claim_is_in_exactly_one_value(kb):
    listed = [claim for part in kb.values("alpha").values() for value in part for claim in value.claims]
    assert len(listed) == len(kb.claims("model:alpha"))


def test_routers_name_the_design_and_source(kb):
    assert {(router.record, router.type) for router in kb.routers("alpha")} == {("design:alpha-router", "uses")}


def claimed(field: str, number: int) -> Value:
    return Value(field, None, claim(number), (), None)


def test_computed_parameters_stand_beside_those_claimed():
    built = architecture(small.ATTENTION, small.MOE, repeat=2)
    p = count(built)
    near = round(p.active_excl_embeddings_and_head) + 3
    claims = {name: claimed(name, n) for name, n in (("params_total", 2 * p.total), ("params_active", near))}
    rows = {row["Parameters"]: row for row in claimed_rows(built, claims)}
    assert (rows["Total"]["Computed"], rows["Total"]["Difference"]) == (f"{p.total:,}", "+100.00%")
    assert rows["Active, without both"]["Claimed"] == f"{near:,}"
    assert rows["Active, without both"]["Difference"] == f"{3 / float(p.active_excl_embeddings_and_head):+.2%}"
    assert rows["Active, with embeddings and head"]["Claimed"] == ""
    several = Value("params_total", None, claim(p.total), (claim(p.total), claim(p.total * 3)), None)
    total = claimed_rows(built, {"params_total": several})[0]
    assert (total["Claimed"], total["Difference"]) == (f"{p.total:,}; {3 * p.total:,}", "none; +200.00%")
    assert all(row["Claimed"] == row["Difference"] == "" for row in claimed_rows(built, {}))
    with pytest.raises(UnsizedError):
        claimed_rows(architecture(small.MOE, norm=None), {})
