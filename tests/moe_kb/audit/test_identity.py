"""One identifier on two works, one work under two names, one name for two works."""

import pytest

ALPHA, BETA, MODEL = "data/papers/2021/alpha.yaml", "data/papers/2020/beta.yaml", "data/models/alpha.yaml"
ROUTER, OTHER = "data/designs/gating/alpha-router.yaml", "data/designs/gating/beta-router.yaml"
TABLE = "data/tables/second-table.yaml"


def beta_claims(field: str, value: str) -> tuple[str, str, str]:
    return BETA, "placements:", f"claims:\n- {{source: second-list, field: {field}, value: {value}}}\nplacements:"


@pytest.mark.parametrize(("field", "value", "scheme"), [
    ("arxiv", "'2103.00001'", "arxiv"), ("url", "'https://arxiv.org/pdf/2103.00001'", "arxiv"),
    ("url", "'http://www.example.org/alpha/'", "url"), ("url", "'https://example.org/beta'", None),
])  # fmt: skip
def test_one_identifier_on_two_papers(audit, field, value, scheme):
    found = [f for f in audit(beta_claims(field, value)) if f.rule == "identity/shared-identifier"]
    assert [f.field for f in found] == ([scheme] if scheme else [])
    if scheme:
        assert found[0].concerns("paper:alpha")
        assert found[0].concerns("paper:beta")
        assert "[second-list]" in found[0].message
    if scheme == "arxiv":
        assert found[0].subject == "paper:beta", "alpha holds the identifier"


def test_identifiers_of_one_paper_differ(audit):
    (issue,) = audit((ALPHA, "https://example.org/alpha'", "https://arxiv.org/abs/2104.00009'"))
    assert issue.id == "identity/address-of-another-identifier/paper:alpha/url=first-survey"
    assert "leads to arXiv 2104.00009, the paper's own is 2103.00001" in issue.message
    claims = "claims:\n- {source: second-list, field: arxiv, value: '2103.00002'}\nplacements:"
    assert [issue.id for issue in audit((ALPHA, "placements:", claims))] == [
        "identity/two-identifiers/paper:alpha/arxiv"
    ]


@pytest.mark.parametrize(("papers", "found"), [("[alpha]", 0), ("[beta]", 1)])
def test_a_report_that_the_model_does_not_name(audit, papers, found):
    claim = "- {source: second-list, field: report, value: 'https://arxiv.org/abs/2103.00001'}\nprovenance:"
    issues = audit((MODEL, "papers: [alpha]", f"papers: {papers}"), (MODEL, "provenance:", claim))
    assert [f.id for f in issues] == ["identity/report-without-link/model:alpha/papers=paper:alpha"] * found


@pytest.mark.parametrize(
    ("title", "found"), [("beta learns to share!", 0), ("Beta Learns How to Share", 1), ("Gamma Learns to Share", 1)]
)
def test_titles_that_differ_in_their_words(audit, title, found):
    issues = audit(beta_claims("title", f"'{title}'"))
    assert [f.id for f in issues] == ["identity/titles-differ/paper:beta/title"] * found
    if found:
        assert f"'Beta Learns to Share' [first-survey, reference 2] ≠ '{title}' [second-list]" in issues[0].message


@pytest.mark.parametrize(("author", "found"), [("Bo Writer", 1), ("Cy Other", 0)])
def test_two_papers_with_nearly_one_title(audit, author, found):
    text = f"""\
key: nearly
name: Nearly
title: Beta Learns to Share Experts
authors: [{author}]
year: 2020
scope: background
provenance:
- {{source: second-list, fields: [name, title, authors, year]}}
"""
    issues = audit(data__papers__2020__nearly=text)
    assert [f.id for f in issues] == ["identity/alike-titles/paper:beta/title=paper:nearly"] * found


PRINTED, ROW = "paper:alpha/name=first-survey", "model:alpha#1B/name=second-table#1"


@pytest.mark.parametrize(
    ("change", "issue"),
    [
        ((ALPHA, "[Alpha, Alpha-L]", "[Alpha, AlphaMoE]"), None),
        ((ALPHA, "[Alpha, Alpha-L]", "[Alpha, Omega]"), f"identity/printed-under-two-names/{PRINTED}"),
        ((TABLE, "label: Alpha\n", "label: Alpha-7B Instruct\n"), None),
        ((TABLE, "label: Alpha\n", "label: Alfa\n"), f"identity/row-under-another-name/{ROW}"),
    ],
)
def test_works_printed_under_other_names(audit, change, issue):
    issues = audit(change)
    assert [finding.id for finding in issues] == ([issue] if issue else [])
    assert all(finding.concerns("table:second-table") for finding in issues if change[0] == TABLE)


def test_one_name_for_two_works_is_an_issue(audit):
    found = audit((BETA, "name: Beta\n", "name: Alpha-MoE\n"), (OTHER, "name: Beta router\n", "name: Alpha Router\n"))
    assert {f.id for f in found} == {
        "identity/one-name/paper:alpha/name=paper:beta",
        "identity/one-name/design:alpha-router/name=design:beta-router",
    }
    assert {f.message for f in found} == {
        "'AlphaMoE' is a name of paper:alpha (2021) [first-survey, reference 1], "
        "paper:beta (2020) [first-survey, reference 2]",
        "'Alpha router' is a name of design:alpha-router (2021) [first-survey, §2], "
        "design:beta-router (no year) [first-survey, §3]",
    }


def test_designs_of_one_work_may_share_its_name(ids):
    usage = "usages:\n- {source: first-survey, by: 'paper:alpha', role: introduces}\nprovenance:"
    assert ids((OTHER, "name: Beta router\n", "name: Alpha Router\n"), (OTHER, "provenance:", usage)) == set()


def test_one_name_printed_for_two_papers(ids):
    printed = "  node: algorithm/gating\n  printed_as: [alpha-l]\n"
    found = ids((BETA, "  node: algorithm/gating\n", printed))
    assert found == {"identity/printed-for-two-works/paper:alpha/printed_as=first-survey; paper:beta"}


@pytest.mark.parametrize(
    ("table", "found"),
    [
        ("organisations: []\n", []),  # a tree without names holds nothing against one
        ("organisations:\n- {name: Example Lab}\n", []),
        ("organisations:\n- {name: Example, aliases: [Example Lab]}\n", []),
        ("organisations:\n- {name: Example}\n", ["Example Lab"]),
    ],
)
def test_a_name_of_an_organisation_is_listed(audit, table, found):
    issues = audit(data__organisations=table)
    assert sorted({f.detail for f in issues if f.rule == "identity/unlisted-organisation"}) == found
