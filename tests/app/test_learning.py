"""The glossary, the reading routes, and terms in tooltips."""

import pytest
from streamlit.testing.v1 import AppTest
from trees import LEARNING, edit


@pytest.fixture
def taught(tree):
    for path, text in LEARNING.items():
        (tree / path).write_text(text)
    return tree


def test_terms_stand_by_letter_with_source_and_links(open_page, taught, texts):
    at = open_page("glossary")
    assert [header.value for header in at.header] == ["G", "T"]
    words = texts(at)
    assert "**token choice** (TC, token-choice routing)" in words
    assert "[First survey](https://example.org/first), §2" in words
    assert "[Alpha router](design?key=alpha-router)" in words
    assert "[First survey: Gating](taxonomy?node=first%3Aalgorithm%2Fgating)" in words


@pytest.mark.parametrize(("asked", "found"), [("tc", 1), ("Token_Choice", 1), ("picks", 2), ("no such", 0)])
def test_terms_are_found_by_any_spelling(open_page, taught, texts, asked, found):
    at = open_page("glossary", q=asked)
    assert texts(at).count(":gray[Source:]") == found
    assert bool(at.info) is (found == 0)


def test_text_of_the_glossary_is_text(open_page, taught, texts):
    edit(taught, "data/glossary.yaml", "definition: Another", "definition: <b>*Another*")
    assert "\\<b\\>\\*Another\\*" in texts(open_page("glossary"))


def test_a_route_lists_works_with_a_reason(open_page, taught, texts):
    at = open_page("reading")
    words = texts(at)
    assert at.header[0].value == "From Beta to Alpha"
    assert "1. [Beta (2020)](paper?key=beta), *Beta Learns to Share*" in words
    assert "It shares what others split." in words
    assert [button.label for button in at.get("download_button")] == [".bib of these 2 papers"]


def test_trees_without_them_say_so(open_page):
    assert "No terms yet." in open_page("glossary").info[0].value
    assert "No routes yet." in open_page("reading").info[0].value


def tooltips():
    import streamlit as st
    import ui

    kb = ui.knowledge_base()
    st.header("Choice", help=ui.term(kb, "TC"))
    st.header("Unknown", help=ui.term(kb, "no such term", more="As it is."))
    st.header("None", help=ui.term(kb, "no such term"))


def test_a_term_explains_itself_where_it_occurs(taught, open_page, monkeypatch):
    monkeypatch.setenv("MOE_KB_ROOT", str(taught))
    open_page("overview")
    known, unknown, none = AppTest.from_function(tooltips, default_timeout=30).run().header
    assert "Each token picks the experts" in known.help
    assert "(First survey, §2) [Glossary](glossary?q=token+choice)" in known.help
    assert (unknown.help, none.help) == ("As it is.", "")


@pytest.mark.integration
def test_the_real_pages_open(open_real_page, texts):
    assert texts(open_real_page("glossary")).count(":gray[Source:]") >= 40
    at = open_real_page("reading", route="serving")
    assert at.header[0].value == "Serving and training on many devices"
