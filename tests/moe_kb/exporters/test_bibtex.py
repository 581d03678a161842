"""BibTeX, read back by an independent reader."""

import re
from typing import Any

import bibtexparser
import pytest
from bibtexparser.middlewares import LatexDecodingMiddleware
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import records

from moe_kb.errors import MoeKbError
from moe_kb.exporters.bibtex import Work, bibtex, citation_key
from moe_kb.records import Paper, Record, Source


def entries(text: str) -> list[Any]:
    """Entries as an independent reader sees them, LaTeX turned back into text."""
    library = bibtexparser.parse_string(text, append_middleware=[LatexDecodingMiddleware()])
    assert not library.failed_blocks, text
    assert len(library.blocks) == len(library.entries), text
    return library.entries


def fields(text: str) -> dict[str, str]:
    (entry,) = entries(text)
    return {field.key: field.value for field in entry.fields} | {"type": entry.entry_type, "key": entry.key}


def stored(record: Record) -> Work:
    return Work.stored(record.reference, record.model_dump_json(exclude_defaults=True))


def paper(**changes: Any) -> Work:
    data = {"key": "a-b", "name": "A", "title": "A Title", "authors": ["Ada Author", "Bo Writer"], "year": 2021}
    return stored(Paper.model_validate(data | changes))


def test_a_paper_of_a_conference():
    found = fields(
        bibtex(paper(venue="Conference of Examples 2021", ids={"arxiv": "2103.00001", "doi": "10.1234/x_y"}))
    )
    assert (found["type"], found["key"]) == ("inproceedings", "author2021a-b")
    assert found["author"] == "Ada Author and Bo Writer"
    assert found["booktitle"] == "Conference of Examples 2021"
    assert (found["eprint"], found["archivePrefix"], found["doi"]) == ("2103.00001", "arXiv", "10.1234/x_y")


@pytest.mark.parametrize(
    ("changes", "kind", "journal"),
    [
        ({"venue": "Journal of Examples"}, "article", "Journal of Examples"),
        ({"venue": "arXiv preprint", "ids": {"arxiv": "2103.00001"}}, "article", "arXiv preprint arXiv:2103.00001"),
        ({"ids": {"arxiv": "2103.00001"}}, "article", "arXiv preprint arXiv:2103.00001"),
        ({}, "misc", None),
    ],
)
def test_the_type_follows_where_it_appeared(changes, kind, journal):
    found = fields(bibtex(paper(**changes)))
    assert (found["type"], found.get("journal")) == (kind, journal)


def test_authors_are_written_as_bibtex_reads_them():
    assert fields(bibtex(paper(authors_complete=False)))["author"] == "Ada Author and Bo Writer and others"
    text = bibtex(paper(authors=["Research and Development Group", "Ada Author"]))
    assert "author = {{Research and Development Group} and Ada Author}" in text


@pytest.mark.parametrize(
    ("title", "written"),
    [
        ("50% & more_of #1", r"50\% \& more\_of \#1"),
        ("Braces { and }", r"Braces \textbraceleft{} and \textbraceright{}"),
        ("Only an opening {", r"Only an opening \textbraceleft{}"),
        ("Back\\slash ~ ^", r"Back\textbackslash{}slash \textasciitilde{} \textasciicircum{}"),
        ("Cost in $", r"Cost in \$"),
        ("Größe × µ", "Größe × µ"),
    ],
)
def test_signs_of_latex_are_escaped(title, written):
    text = bibtex(paper(title=title))
    assert f"title = {{{{{written}}}}}" in text
    assert (text.count("{"), len(entries(text))) == (text.count("}"), 1)


def test_addresses_are_not_escaped_but_balanced():
    text = bibtex(paper(links={"paper": "https://example.org/a_b%20c?x={y}&z=#1"}))
    assert "url = {https://example.org/a_b%20c?x=%7By%7D&z=#1}" in text


def test_a_source_is_cited_under_its_own_key():
    named = {"key": "first-survey", "name": "First", "title": "A survey", "type": "survey", "authors": ["Ada Author"]}
    source = Source(**named, version="v2", url="https://arxiv.org/abs/2103.00001", date="2021-03")
    found = fields(bibtex(stored(source)))
    assert (found["type"], found["key"], found["year"], found["note"]) == ("article", "first-survey", "2021", "v2")
    assert found["eprint"] == "2103.00001"


def test_only_papers_and_sources_are_cited(kb):
    with pytest.raises(MoeKbError, match=r"model:alpha is a model: papers and sources can be cited; `moe-kb cite"):
        kb.cite(["model:alpha"])


def test_several_entries_stand_apart_and_once(kb):
    text = kb.cite(["paper:alpha", "beta", "paper:alpha", "first-survey"])
    assert [entry.key for entry in entries(text)] == ["author2021alpha", "writer2020beta", "first-survey"]


@given(records(Paper))
@settings(max_examples=60)
def test_any_paper_is_one_whole_entry(record):
    text = bibtex(stored(record))
    (entry,) = bibtexparser.parse_string(text).entries
    assert entry.key == citation_key(stored(record))
    assert text.count("{") == text.count("}")
    assert {field.key for field in entry.fields} >= {"title", "year"}


@given(st.lists(st.from_regex(r"[a-z0-9]{1,3}(?:[.-][a-z0-9]{1,2}){0,2}", fullmatch=True), unique=True, max_size=8))
def test_different_papers_have_different_citation_keys(keys):
    written = [citation_key(paper(key=key)) for key in keys]
    assert len(set(written)) == len(written)
    assert all(re.fullmatch(r"[a-z0-9.-]+", key) for key in written)
