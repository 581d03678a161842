"""Answers of every kind."""

import pytest
from trees import edit

from moe_kb.kb import open_kb


def test_every_kind_is_found(kb):
    assert set(kb.find("alpha").hits) >= {"paper", "model", "design", "source"}
    assert kb.find("ada author").hits["author"][0].title == "1 paper"
    assert kb.find("sparse").hits["node"][0].record == "node:first:algorithm/gating/sparse"
    assert kb.find("switch top-1").hits["implementation"][0].record == "implementation:switch-top1-router"
    assert next(iter(kb.find("gamma").hits)) == "system"


def test_the_kind_with_the_best_answer_leads(kb):
    assert next(iter(kb.find("alpha router").hits)) == "design"
    assert next(iter(kb.find("ada author").hits)) == "author"


def test_respelling_is_said_and_only_where_needed(kb):
    assert (kb.find("alpha").respelt, kb.find("alpha").only_some) == (None, False)
    found = kb.find("aplha ruoter")
    assert (found.respelt, found.only_some) == ("alpha router", False)
    assert found.all[0].record == "design:alpha-router"


def test_some_words_do_where_all_do_not(kb):
    found = kb.find("invented zebras")
    assert found.only_some
    assert found.all[0].record == "paper:alpha"


@pytest.mark.parametrize("text", ["", "  ", "zzzz qqqq", "\x00", "((", "\ud800", "٣", "-" * 500, "a" * 500])
def test_nothing_is_found_for_nothing(kb, text):
    assert kb.find(text).hits == {}


def test_a_design_is_found_by_its_users(tree, database):
    edit(tree, "data/papers/2020/beta.yaml", "name: Beta\n", "name: Betamax\n")
    hit = open_kb(tree, database=database).find("betamax gate").hits["design"][0]
    assert (hit.record, hit.why, hit.snippet) == ("design:alpha-router", "text", "Alpha; [Betamax]")


@pytest.mark.parametrize("text", [
    "https://arxiv.org/abs/2103.00001v2", "arXiv:2103.00001", "10.48550/arXiv.2103.00001", "https://example.org/alpha/",
    "http://example.org/alpha-code?tab=1", "see https://arxiv.org/pdf/2103.00001",
])  # fmt: skip
def test_addresses_find_their_record(kb, text):
    first = kb.find(text).all[0]
    assert (first.record, first.why) == ("paper:alpha", "address")


def test_an_unknown_address_finds_nothing(kb):
    assert kb.find("https://arxiv.org/abs/2104.00009").hits == {}
