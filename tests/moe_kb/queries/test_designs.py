"""The matrix of gates and what a design's page shows."""

from typing import get_args

import pytest

from moe_kb.fields import GATING_PROPERTIES, NOT_REPORTED
from moe_kb.queries.designs import COMPONENTS, select_gates, vocabularies
from moe_kb.records import GatingProperties
from moe_kb.records.design import Component


def test_components_and_properties_are_those_of_records(kb):
    assert set(COMPONENTS) == set(get_args(Component))
    assert tuple(GATING_PROPERTIES) == tuple(GatingProperties.model_fields)
    meanings = kb.property_meanings()
    assert set(meanings) == set(GATING_PROPERTIES)
    assert all(meanings.values())
    words = vocabularies()
    assert words["chooser"] == ("token", "expert", "solver", "fixed", "none")
    assert words["trainable"] == ("yes", "no")
    assert not {"k", "noise"} & set(words)


def test_every_gate_has_its_properties(kb):
    alpha, beta = kb.gates()
    assert (alpha.record, alpha.users, alpha.runs) == ("design:alpha-router", 2, True)
    assert (alpha.properties["chooser"], alpha.properties["k"]) == ("token", "1")
    assert (beta.year, beta.runs) == (None, False)
    assert kb.designs_of("loss") == []


@pytest.mark.parametrize(
    ("wanted", "text", "runs", "names"),
    [
        ({}, "", None, ["Alpha router", "Beta router"]),
        ({"chooser": ["expert"]}, "", None, ["Beta router"]),
        ({"chooser": ["expert", "token"], "experts_per_token": ["one"]}, "", None, ["Alpha router"]),
        ({"score": [NOT_REPORTED]}, "", None, ["Alpha router", "Beta router"]),
        ({"chooser": []}, "beta-router", None, ["Beta router"]),
        ({}, "beta", None, ["Alpha router", "Beta router"]),  # the paper Beta uses the one
        ({}, "", True, ["Alpha router"]),
        ({}, "", False, ["Beta router"]),
    ],
)
def test_filters_of_gates(kb, wanted, text, runs, names):
    assert [gate.name for gate in select_gates(kb.gates(), wanted, text, runs=runs)] == names


def test_users_name_their_role_and_source(kb):
    users = {user.record: (user.role, user.status, user.source) for user in kb.users("alpha-router")}
    assert users["paper:alpha"] == ("introduces", "reported", "first-survey")
    assert users["paper:beta"] == ("uses", "derived", "first-survey")
    assert "model:alpha" in users, "its configuration names this router"


def test_lineage_reads_both_ways(kb):
    (there,), (back,) = kb.lineage("alpha-router"), kb.lineage("beta-router")
    assert (there.record, there.type, there.forward) == ("design:beta-router", "variant-of", False)
    assert back.forward


def test_properties_keep_reading_order_and_status(kb):
    stated = kb.properties("alpha-router")
    assert [item.property for item in stated] == ["chooser", "experts_per_token", "k", "renormalised"]
    assert stated[-1].status == "derived"


def test_only_installed_implementations_run(kb):
    assert kb.implementation_of("alpha-router").key == "switch-top1-router"
    assert kb.implementation_of("beta-router") is None
