"""The glossary and the reading routes, out of the database."""

import pytest
from trees import LEARNING, edit, small_tree

from moe_kb.folding import fold
from moe_kb.kb import open_kb


@pytest.fixture
def taught(tmp_path):
    root = small_tree(tmp_path / "tree", LEARNING)
    return open_kb(root, database=tmp_path / "kb.db")


def test_terms_say_their_source_and_what_shows_them(taught):
    gate, choice = taught.glossary()
    assert (gate.term, gate.short[0], gate.place) == ("gate", "G-function", "Second list")
    assert choice.see == (
        ("design:alpha-router", "Alpha router"),
        ("node:first:algorithm/gating", "First survey: Gating"),
    )


@pytest.mark.parametrize("spelling", ["token choice", "Token-Choice", "tc", "token choice routing"])
def test_a_term_is_known_by_every_spelling(taught, spelling):
    assert taught.glossary()[1].is_called(spelling)
    assert not taught.glossary()[0].is_called(spelling)


def test_spellings_that_search_knows_are_known(tmp_path):
    forms = "short_forms:\n- term: gating\n  forms: [gate, gt]\n- term: token choice\n  forms: [by tokens]\n"
    root = small_tree(tmp_path / "tree", LEARNING | {"data/short-forms.yaml": forms})
    gate, choice = open_kb(root, database=tmp_path / "kb.db").glossary()
    assert gate.short == ("G-function", "gt", "gating")
    assert choice.short == ("TC", "token-choice routing", "by tokens")


def test_another_term_is_no_spelling_of_a_term(tmp_path):
    forms = "short_forms:\n- term: token choice\n  forms: [by tokens, gate]\n"
    root = small_tree(tmp_path / "tree", LEARNING | {"data/short-forms.yaml": forms})
    gate, choice = open_kb(root, database=tmp_path / "kb.db").glossary()
    assert (gate.short, choice.short[2:]) == (("G-function",), ("by tokens",))


def test_terms_are_searched_by_words(taught):
    assert [term.term for term in taught.glossary() if term.holds("PICKS experts")] == ["gate", "token choice"]


def test_routes_keep_their_order(taught):
    (route,) = taught.routes()
    assert [stop.work for stop in route.stops][:3] == ["paper:beta", "paper:alpha", "design:alpha-router"]
    assert route.papers == ["paper:beta", "paper:alpha"]
    assert (route.stops[0].title, route.stops[0].year) == ("Beta Learns to Share", 2020)


def test_an_edit_of_the_glossary_reaches_the_database(tmp_path):
    root = small_tree(tmp_path / "tree", LEARNING)
    open_kb(root, database=tmp_path / "kb.db")
    edit(root, "data/glossary.yaml", "term: gate", "term: entrance")
    assert open_kb(root, database=tmp_path / "kb.db").glossary()[0].term == "entrance"


@pytest.mark.integration
def test_the_real_glossary_and_routes_teach(real_kb):
    terms = real_kb.glossary()
    assert len(terms) >= 40
    for name in ("capacity factor", "aux loss", "EP", "a2a", "top k", "noaux_tc", "upcycling", "z-loss"):
        assert [term for term in terms if term.is_called(name)], name
    assert [term.term for term in terms if not term.see] == []
    spellings = [fold(name) for term in terms for name in {fold(name) for name in (term.term, *term.short)}]
    assert len(spellings) == len(set(spellings)), "a spelling means one thing"
    routes = real_kb.routes()
    assert 4 <= len(routes) <= 8
    assert all(6 <= len(route.stops) <= 10 for route in routes)
