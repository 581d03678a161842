"""The audit of all real data: slips that are known to be there come out of the rules, and it is fast."""

import re
import time

import pytest
from databases import sql_rows
from trees import RECORDS, REPOSITORY

from moe_kb.audit.report import MARK, written
from moe_kb.db.build import build
from moe_kb.records.waiver import ISSUE_PATTERN

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def found(real_kb):
    return {issue.id: issue for issue in real_kb.audit()}


def test_issues_have_their_own_ids_and_records(real_kb, found):
    assert len(found) == len(real_kb.audit()) > 200
    records = {brief.record for brief in real_kb.briefs()}
    sources = {brief.key for brief in real_kb.briefs("source")}
    for name, issue in found.items():
        assert re.fullmatch(ISSUE_PATTERN, name), name
        assert len(name) <= 300
        assert "\n" not in issue.message
        assert {issue.subject, *issue.others} <= records, name
        assert set(issue.cited) <= sources, name
        assert issue.cited or issue.family == "coverage", name


@pytest.mark.parametrize(
    ("issue", "says"),
    [
        # Table 2 of survey A: one of two stacks, a gate that the sizes have no room for, sizes rounded too far.
        ("sizes/printed-shape/model:switch-transformer#7B/params_total=survey-a-table-2#5", "n_layers 24, not 12"),
        ("sizes/printed-shape/model:switch-transformer#1571B/params_total=survey-a-table-2#8", "n_layers 30, not 15"),
        ("sizes/printed-shape/model:glam#64B/1.2T/params_total=survey-a-table-2#12", "2 matrices an expert, not 3"),
        ("sizes/printed-shape/model:gshard#37B/params_total=survey-a-table-2#4", "(-5.4%)"),
        # The list of inference systems: a width halved, a dense model's total, a width not divided, shared left out.
        ("sizes/printed-shape/model:nllb#MoE-54B/params_total=inference-list#1", "d_model 2048, not 1024"),
        ("sizes/printed-shape/model:skywork-moe#146B/params_total=inference-list#14", "divided among the experts"),
        ("sizes/printed-shape/model:llama-moe#3.5B (2/8)/params_total=inference-list#16", "d_expert 1376"),
        ("sizes/printed-shape/model:qwen2#57B-A14B/params_total=inference-list#2", "8 shared experts on top"),
        # Active parameters that only go with a fixed expert inside the count.
        ("counts/fits-one-way-only/model:deepspeed-moe#PR-350M/4B/n_experts_active=survey-a-table-2#15", "within"),
        ("claims/differ/model:grok-1#314B/params_active", "86B [survey-a, Table 3, row 3]"),
        ("dates/year-before-preprint/paper:smoe-dropout/year=survey-a", "arXiv 2303.01610"),
        ("identity/shared-identifier/paper:mmoe/arxiv=paper:m2m-100", "2010.11125"),
        ("identity/row-under-another-name/model:mixtral#8x22B/name=survey-a-table-3#7", "'Mistral-8x22B-v0.1'"),
        ("identity/printed-under-two-names/paper:switch-transformer/name=survey-a", "'Swith Transformer'"),
        ("identity/printed-for-two-works/paper:bimedix/printed_as=survey-b; paper:medmoe", "'Med-MoE'"),
    ],
)
def test_known_slips_come_out_of_the_rules(found, issue, says):
    assert says in found[issue].message


@pytest.mark.parametrize("row", [19, 20, 25, 30, 31, 32, 33, 35, 36])
def test_rows_that_files_bear_out_are_silent(found, row):
    assert [
        name for name in found if name.startswith("sizes/printed") and name.endswith(f"survey-a-table-2#{row}")
    ] == []


def test_every_waiver_is_about_an_issue(found, real_kb):
    assert [name for name in found if name.startswith("coverage/unused-waiver")] == []
    noted = {row["issue"] for row in sql_rows(real_kb, "SELECT issue FROM waivers")}
    assert noted
    assert noted <= {name for name, issue in found.items() if not issue.open}


def test_the_page_keeps_what_people_wrote(real_kb):
    page = (REPOSITORY / "docs/audit.md").read_text(encoding="utf-8")
    anew = written(page, real_kb.audit(), real_kb.sources().values())
    assert anew.partition(MARK)[0] == page.partition(MARK)[0] != page
    assert anew == written(anew, real_kb.audit(), real_kb.sources().values())


def test_it_takes_no_longer_than_a_build(real_kb, tmp_path):
    def seconds(work):
        begun = time.process_time()
        work()
        return time.process_time() - begun

    audit = min(seconds(real_kb.audit) for _ in range(3))
    whole = seconds(lambda: build(RECORDS, tmp_path / "kb.db", force=True))
    assert audit < whole
