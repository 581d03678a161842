"""What is missing, and what leads to nothing."""

import pytest
from trees import edit, small_tree

from moe_kb.corpus import WAIVERS
from moe_kb.kb import open_kb

BETA, MODEL = "data/papers/2020/beta.yaml", "data/models/alpha.yaml"
ROUTER, OTHER = "data/designs/gating/alpha-router.yaml", "data/designs/gating/beta-router.yaml"
PLACEMENT = """\
placements:
- source: first-survey
  locator: Figure 1
  taxonomy: first
  node: algorithm/gating
"""


STEPS = """\
algorithm:
  source: first-survey
  locator: §3
  steps: [Score every token., Give each expert its best tokens.]
"""


@pytest.mark.parametrize(
    ("change", "issues"),
    [
        ((BETA, PLACEMENT, ""), {"unplaced-paper/paper:beta/placements"}),
        ((BETA, PLACEMENT, "scope: background\n"), set()),  # only papers on mixtures need a place
        ((OTHER, STEPS, ""), {"design-without-equations/design:beta-router/equations"}),
        ((MODEL, "  architecture:", "- label: 2B\n  architecture:"), set()),
        ((MODEL, "openness: open", "openness: closed"), set()),
        (
            (ROUTER, "implementation: switch-top1-router", "implementation: gone"),
            {
                "design-without-implementation/design:alpha-router/implementation",
                "missing-implementation/design:alpha-router/implementation",
            },
        ),
    ],
)
def test_what_is_missing_is_an_issue(ids, change, issues):
    assert ids(change) == {f"coverage/{issue}" for issue in issues}


WHOLE = "    d_model: 512\n    norm: rms\n    tied_embeddings: true\n"
BARE = """\
key: {0}
name: {0}
openness: {1}
{2}provenance:
- {{source: second-list, fields: [name, openness]}}
"""


def test_models_without_configuration_or_layers(audit):
    size = "configurations:\n- {label: 1B}\n"
    found = audit(
        rules=("coverage/model-without-configuration", "coverage/unsized-configuration"),
        data__models__bare=BARE.format("bare", "open", ""),
        data__models__shut=BARE.format("shut", "closed", ""),
        data__models__flat=BARE.format("flat", "open", size),
    )
    assert {f.subject: f.message for f in found} == {
        "model:alpha": "cannot be sized: tied_embeddings is not given; norm is not given",
        "model:bare": "has no configuration, though it is open",
        "model:shut": "has no configuration",
        "model:flat": "cannot be sized: no source at hand describes its layers",
    }


def test_a_configuration_told_in_full_is_sized(tmp_path):
    tree = small_tree(tmp_path / "tree", {WAIVERS: "waivers: []\n"})
    edit(tree, MODEL, "    d_model: 512\n", WHOLE)
    kb = open_kb(tree, database=tmp_path / "kb.db")
    assert kb.audit(rule="coverage/unsized-configuration") == []


@pytest.mark.parametrize(("openness", "gaps"), [
    ("open", {"summary", "released", "licence"}), ("closed", {"summary", "released"}),
])  # fmt: skip
def test_what_a_model_leaves_unsaid(audit, openness, gaps):
    found = audit(rules=("coverage/undescribed-model",), data__models__bare=BARE.format("bare", openness, ""))
    assert {f.field for f in found if f.subject == "model:bare"} == gaps


def test_an_implementation_its_record_lacks(tree, monkeypatch):
    row = {
        "key": "two", "name": "Two", "status": "complete", "summary": "s", "designs": "alpha-router; beta-router; gone",
        "code": "[]",
    }  # fmt: skip
    monkeypatch.setattr("moe_kb.db.build.installed_implementations", lambda: [{**row, "verified_against": "o"}])
    kb = open_kb(tree, database=tree.parent / "kb.db")
    found = [f.id for f in kb.audit(rule="coverage/one-sided-implementation")]
    assert found == ["coverage/one-sided-implementation/design:beta-router/implementation=two"]


@pytest.mark.parametrize(
    ("locator", "found"),
    [
        ("Table 1, row 1", []),
        ("Table 1, rows 1 and 2", []),
        ("Table 1, rows 1 and 3", ["first-survey, Table 1, 3"]),
        ("Table 9, row 7", []),  # not transcribed, so nothing is known of it
    ],
)
def test_a_locator_that_names_a_row(ids, locator, found):
    edited = ids((MODEL, "  locator: Table 1, row 1\n", f"  locator: {locator}\n"))
    assert edited == {f"coverage/row-that-does-not-exist/model:alpha/locator={detail}" for detail in found}
