"""Dates that contradict identifiers, and works that lean on later ones."""

import pytest

from moe_kb.audit.dates import arxiv_month

ALPHA, BETA, MODEL = "data/papers/2021/alpha.yaml", "data/papers/2020/beta.yaml", "data/models/alpha.yaml"
ROUTER = "data/designs/gating/alpha-router.yaml"


@pytest.mark.parametrize(
    ("identifier", "month"),
    [("2401.04088", ("2024-01-01", "2024-01-31")), ("2413.00001", None), ("hep-th/9901001", None)],
)
def test_the_month_of_an_identifier(identifier, month):
    assert arxiv_month(identifier) == month


@pytest.mark.parametrize(("identifier", "says"), [
    ("2113.00001", "there is no month 13"), ("0601.0001", "begin with April 2007"),
    ("1312.44610", "identifiers of 2013 have 4 digits"), ("2103.0001", "identifiers of 2021 have 5 digits"),
    ("hep-th/9913001", "there is no month 13"), ("hap-th/9901001", "there is no archive hap-th"),
])  # fmt: skip
def test_identifiers_that_cannot_exist(audit, identifier, says):
    claim = f"claims:\n- {{source: second-list, field: arxiv, value: '{identifier}'}}\nrelations:"
    found = {f.rule: f.message for f in audit((ALPHA, "relations:", claim))}
    assert says in found["dates/impossible-identifier"]


@pytest.mark.parametrize(
    ("identifier", "rules"),
    [
        ("2103.00001", set()),
        ("2102.00001", {"public-after-preprint"}),
        ("2104.00001", {"public-long-before-preprint"}),
        ("2203.00001", {"public-long-before-preprint", "year-before-preprint", "venue-before-preprint"}),
        ("2012.00001", {"public-after-preprint"}),  # a year after the preprint is the usual case
    ],
)
def test_a_paper_of_march_2021_against_its_preprint(audit, identifier, rules):
    found = audit((ALPHA, "arxiv: '2103.00001'", f"arxiv: '{identifier}'"))
    assert {f.rule.partition("/")[2] for f in found} == rules
    assert all(f"arXiv {identifier} [first-survey, reference 1] of 20{identifier[:2]}-" in f.message for f in found)


def test_last_days_may_carry_the_next_month(ids):
    change = (ALPHA, "date: '2021-03-04'", "date: '2021-02-24'")
    assert ids(change) == set()


def test_a_date_in_dispute_is_not_said_twice(audit):
    claims = "claims:\n- {source: first-survey, field: date, value: 2021-07}\nplacements:"
    found = audit((ALPHA, "arxiv: '2103.00001'", "arxiv: '2107.00001'"), (ALPHA, "placements:", claims))
    assert [f.rule for f in found] == ["claims/differ"]


@pytest.mark.parametrize(("identifier", "found"), [("2103.00001", 0), ("2112.00001", 0), ("2301.00001", 1)])
def test_a_release_far_from_its_report(audit, identifier, found):
    claim = f"- {{source: second-list, field: report, value: 'https://arxiv.org/abs/{identifier}'}}\nprovenance:"
    issues = [f for f in audit((MODEL, "provenance:", claim)) if f.rule == "dates/release-far-from-report"]
    assert len(issues) == found
    assert all("released 2021-03 [first-survey, Table 1, row 1], more than a year" in f.message for f in issues)


def test_a_relation_to_a_later_work(audit):
    found = audit(
        (BETA, "placements:", "relations:\n- {source: first-survey, kind: extends, to: 'paper:alpha'}\nplacements:")
    )
    assert [f.id for f in found] == ["dates/leans-on-later-work/paper:beta/extends=paper:alpha; first-survey"]
    assert found[0].message == "of 2020, is said to extend paper:alpha of 2021 [first-survey]"
    assert found[0].concerns("paper:alpha")


def test_designs_are_of_their_introduction_s_year(audit):
    found = {f.rule: f for f in audit((ROUTER, "year: 2021", "year: 2020"))}
    assert found["dates/design-year"].message == (
        "its year is 2020, but paper:alpha, said to introduce it [first-survey], is of 2021"
    )
