"""The page of results of all kinds, and authors' pages."""

import pytest
from shown import tables


def test_results_of_all_kinds_stand_by_kind(open_page, texts):
    at = open_page("search", q="alpha")
    headers = [header.value for header in at.header]
    assert headers[:3] == ["Papers", "Models", "Designs"]
    assert "**[Alpha](paper?key=alpha)**" in texts(at)
    assert "**[Alpha](model?key=alpha)**" in texts(at)


def test_one_kind_can_be_chosen_by_address(open_page):
    at = open_page("search", q="alpha", kind="model")
    assert [header.value for header in at.header] == ["Models"]


def test_matched_words_are_marked(open_page, texts):
    assert ":blue-background[expert]" in texts(open_page("search", q="expert of its choice"))


def test_a_respelt_question_is_said(open_page, texts):
    words = texts(open_page("search", q="invnted tokens"))
    assert "These are the results for **invented tokens**" in words
    assert "[Alpha](paper?key=alpha)" in words


def test_some_words_are_said_to_be_some(open_page, texts):
    words = texts(open_page("search", q="invented zebras dancing"))
    assert "These results have some of them" in words
    assert "[Alpha](paper?key=alpha)" in words


@pytest.mark.parametrize("text", ["zzzz", "<b>qqqq</b>", "https://arxiv.org/abs/1901.00001"])
def test_nothing_found_says_what_to_do(open_page, texts, text):
    at = open_page("search", q=text)
    assert "No results." in texts(at)
    assert not at.header


def test_no_text_offers_examples(open_page):
    at = open_page("search")
    assert "arXiv:2101.03961" in [link.label for link in at.get("page_link")]


def test_an_author_has_papers_and_coauthors(open_page, texts):
    at = open_page("author", name="A. Author")
    assert at.title[0].value == "Ada Author"
    assert list(tables(at)[0]["title"]) == ["Alpha: Routing Invented Tokens"]
    assert "[Bo Writer](author?name=Bo+Writer)" in texts(at)
    assert any(".bib" in button.label for button in at.download_button)


def test_an_unknown_author_leads_to_near_ones(open_page, texts):
    at = open_page("author", name="Ada Autor")
    assert "no paper has an author 'Ada Autor'" in texts(at)
    assert "Ada Author" in [link.label for link in at.get("page_link")]
