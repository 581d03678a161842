"""The matrix of gates and what a design's page shows."""

from __future__ import annotations

import pytest
from moe_kb.figures import designs

from moe_kb.db.views import GATING_PROPERTIES


def test_every_property_has_a_name_and_a_meaning():
    assert set(designs.NAMES) == set(GATING_PROPERTIES)
    assert all(designs.meaning(name) for name in designs.NAMES)


def test_vocabularies_come_from_the_record_type():
    assert designs.VOCABULARIES["chooser"] == ("token", "expert", "solver", "fixed", "none")
    assert designs.VOCABULARIES["trainable"] == ("yes", "no")
    assert "k" not in designs.VOCABULARIES
    assert "noise" not in designs.VOCABULARIES


def test_matrix_has_a_row_for_each_gate(kb):
    alpha, beta = designs.matrix(kb)
    assert (alpha["record"], alpha["chooser"], alpha["k"], alpha["users"], alpha["runs"]) == (
        "design:alpha-router",
        "token",
        "1",
        1,
        True,
    )
    assert (beta["year"], beta["runs"]) == (None, False)


@pytest.mark.parametrize(
    ("wanted", "text", "runs", "names"),
    [
        ({}, "", None, ["Alpha router", "Beta router"]),
        ({"chooser": ["expert"]}, "", None, ["Beta router"]),
        ({"chooser": ["expert", "token"], "experts_per_token": ["one"]}, "", None, ["Alpha router"]),
        ({"score": ["not reported"]}, "", None, ["Alpha router", "Beta router"]),
        ({"chooser": []}, "beta", None, ["Beta router"]),
        ({}, "", True, ["Alpha router"]),
        ({}, "", False, ["Beta router"]),
    ],
)
def test_select(kb, wanted, text, runs, names):
    assert [row["name"] for row in designs.select(designs.matrix(kb), wanted, text, runs=runs)] == names


def test_users_name_their_role_and_source(kb):
    found = [(one.record, one.role, one.status, one.source) for one in designs.users(kb, "design:alpha-router")]
    assert ("paper:alpha", "introduces", "reported", "first-survey") in found
    assert ("paper:beta", "uses", "derived", "first-survey") in found
    assert "model:alpha" in [record for record, *_ in found], "its configuration names this router"


def test_lineage_reads_both_ways(kb):
    assert [(row["other"], row["type"], row["forward"]) for row in designs.lineage(kb, "design:alpha-router")] == [
        ("design:beta-router", "variant-of", False)
    ]
    assert designs.lineage(kb, "design:beta-router")[0]["forward"] is True


def test_properties_keep_reading_order_and_status(kb):
    found = designs.properties(kb, "design:alpha-router")
    assert [one.name for one in found] == ["chooser", "experts_per_token", "k", "renormalised"]
    assert found[-1].status == "derived"


def test_only_installed_implementations_run(kb):
    assert designs.runnable(kb, "design:alpha-router")["key"] == "switch-top1"
    assert designs.runnable(kb, "design:beta-router") is None


def test_other_components(kb):
    assert designs.others(kb, "loss") == []


def test_component_names_are_complete():
    assert set(designs.COMPONENT_NAMES) == set(designs.COMPONENTS)
