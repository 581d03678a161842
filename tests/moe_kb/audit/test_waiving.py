"""Waivers, the runner, and what every issue has."""

import json
import re

import pytest
from trees import FILES, edit, small_tree

from moe_kb.audit.issue import Issue
from moe_kb.audit.rules import FAMILIES, IDLE, RULES, explanation
from moe_kb.corpus import WAIVERS
from moe_kb.errors import NotFoundError
from moe_kb.kb import open_kb
from moe_kb.records.waiver import ISSUE_PATTERN

LATER = "dates/leans-on-later-work/paper:beta/uses=design:alpha-router; first-survey"
WIDTH = "claims/differ/model:alpha#1B/d_model"
SIZES = [
    f"sizes/described-shape/model:alpha#1B/params_total={place}"
    for place in ("alpha-config", "first-table#1", "second-table#1")
]
GAPS = [
    "coverage/unsized-configuration/model:alpha#1B/architecture",
    *(f"coverage/undescribed-model/model:alpha/{field}" for field in ("licence", "summary")),
]


def test_a_waiver_travels_with_its_issue(tree, kb):
    (issue,) = kb.audit(rule="dates")
    assert issue.waived.text == "The idea is older than its name. (first-survey, §3)"
    assert {f.id for f in kb.audit(waived=False)} == {WIDTH, *SIZES, *GAPS}
    assert json.loads(json.dumps(issue.as_data()))["waived"]["source"] == "first-survey"
    edit(tree, WAIVERS, "older than its name", "old")
    assert open_kb(tree, database=kb.database).audit(rule="dates")[0].waived.reason == "The idea is old."


def test_unused_waivers_are_issues(tmp_path):
    gone = "dates/year-before-preprint/paper:alpha/year=first-survey"
    tree = small_tree(tmp_path / "tree", {WAIVERS: FILES[WAIVERS].replace(LATER, gone)})
    (issue,) = open_kb(tree, database=tmp_path / "kb.db").audit("paper:alpha", rule=IDLE)
    assert (issue.subject, issue.rule, issue.open) == ("paper:alpha", IDLE, True)
    assert gone in issue.message


def test_issues_are_chosen_by_record_and_rule(kb):
    assert {f.id for f in kb.audit("model:alpha")} == {WIDTH, *SIZES, *GAPS}
    assert [f.id for f in kb.audit("design:alpha-router", rule="dates")] == [LATER], "on the other end's page, too"
    assert [f.id for f in kb.audit(rule="claims/differ")] == [WIDTH]
    assert {f.id for f in kb.audit("table:second-table")} == {WIDTH, SIZES[-1]}, "one of its rows is concerned"
    with pytest.raises(NotFoundError, match="there is no audit rule 'zebra'"):
        kb.audit(rule="zebra")


def test_ids_do_not_depend_on_values_or_order(tmp_path, kb):
    changes = {"data/tables/second-table.yaml": FILES["data/tables/second-table.yaml"].replace("'768'", "'1024'")}
    other = open_kb(small_tree(tmp_path / "other", changes), database=tmp_path / "other.db")
    assert [f.id for f in other.audit()] == [f.id for f in kb.audit()]
    assert [f.message for f in other.audit()] != [f.message for f in kb.audit()]


def test_issues_have_ids_that_can_be_waived(kb):
    issues = kb.audit()
    assert len({f.id for f in issues}) == len(issues) == 9
    assert all(re.fullmatch(ISSUE_PATTERN, f.id) for f in issues)
    assert all("\n" not in f.message for f in issues)
    assert re.fullmatch(ISSUE_PATTERN, Issue("paper:a", "m", "0.1B/1.9B", "f", "d; e", rule="a/b").id)


@pytest.mark.parametrize("rule", [*RULES, IDLE])
def test_rules_say_what_they_look_for(rule):
    assert explanation(rule).endswith(".")
    assert rule.partition("/")[0] in FAMILIES
