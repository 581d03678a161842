"""BibTeX, read back by an independent reader."""

import re
from typing import Any

import bibtexparser
import pybtex.database
import pytest
from bibtexparser.middlewares import LatexDecodingMiddleware, SeparateCoAuthors, SplitNameParts
from bibtexparser.model import Field
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import records

from moe_kb.claims.venue import is_preprint, parse_venue
from moe_kb.errors import MoeKbError
from moe_kb.exporters.bibtex import Work, bibtex, citation_key
from moe_kb.names import latin, parse_name
from moe_kb.queries.citations import Cited
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
    return Work.stored(record.reference, Cited(record.model_dump_json(exclude_defaults=True)))


def paper(**changes: Any) -> Work:
    data = {"key": "a-b", "name": "A", "title": "A Title", "authors": ["Ada Author", "Bo Writer"], "year": 2021}
    return stored(Paper.model_validate(data | changes))


def test_a_paper_of_a_conference():
    found = fields(
        bibtex(paper(venue="Conference of Examples 2021", ids={"arxiv": "2103.00001", "doi": "10.1234/x_y"}))
    )
    assert (found["type"], found["key"]) == ("inproceedings", "author2021a-b")
    assert found["author"] == "Author, Ada and Writer, Bo"
    assert found["booktitle"] == "Conference of Examples 2021"
    assert (found["eprint"], found["archivePrefix"], found["doi"]) == ("2103.00001", "arXiv", "10.1234/x_y")


@pytest.mark.parametrize(
    ("changes", "kind", "journal"),
    [
        ({"venue": "Journal of Examples"}, "article", "Journal of Examples"),
        ({"venue": "TMLR 2024"}, "article", "TMLR"),
        ({"venue": "Github 2023"}, "misc", None),
        ({"venue": "arXiv preprint", "ids": {"arxiv": "2103.00001"}}, "article", "arXiv preprint arXiv:2103.00001"),
        ({"ids": {"arxiv": "2103.00001"}}, "article", "arXiv preprint arXiv:2103.00001"),
        ({}, "misc", None),
    ],
)
def test_the_type_follows_where_it_appeared(changes, kind, journal):
    found = fields(bibtex(paper(**changes)))
    assert (found["type"], found.get("journal")) == (kind, journal)


def test_authors_are_written_as_bibtex_reads_them():
    assert fields(bibtex(paper(authors_complete=False)))["author"] == "Author, Ada and Writer, Bo and others"
    text = bibtex(paper(authors=["Research and Development Group", "Ada Author"]))
    assert "author = {{Research and Development Group} and Author, Ada}" in text


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
    assert all(re.fullmatch(r"[a-z][a-z0-9.-]+", key) for key in written)


@pytest.mark.parametrize(
    ("printed", "family", "given", "particle", "suffix"),
    [
        ("W. Fedus Jr.", "Fedus", "W.", "", "Jr."),
        ("W. Fedus, Jr.", "Fedus", "W.", "", "Jr."),
        ("Fedus, Jr., William", "Fedus", "William", "", "Jr."),
        ("Fedus, William, III", "Fedus", "William", "", "III"),
        ("Martin Luther King Sr", "King", "Martin Luther", "", "Sr"),
        ("Aaron van den Oord", "Oord", "Aaron", "van den", ""),
        ("van den Oord, Aaron", "Oord", "Aaron", "van den", ""),
        ("Oord, Aaron van den", "Oord", "Aaron", "van den", ""),
        ("D. d. l. Casas", "Casas", "D.", "d. l.", ""),
        ("D. de Las Casas", "Las Casas", "D.", "de", ""),
        ("N. Le Roux", "Le Roux", "N.", "", ""),
        ("Le Yu", "Yu", "Le", "", ""),
        ("Luc Van Gool", "Van Gool", "Luc", "", ""),
        ("G. R. Scott Budinger", "Budinger", "G. R. Scott", "", ""),
        ("W.-t. Yih", "Yih", "W.-t.", "", ""),
        ("danah boyd", "boyd", "danah", "", ""),
    ],
)
def test_both_parsers_read_a_name_alike(printed, family, given, particle, suffix):
    text = bibtex(paper(authors=[printed, "Ada Author"]))
    (entry,) = pybtex.database.parse_string(text, "bibtex").entries.values()
    person, _ = entry.persons["author"]
    parts = (person.last_names, person.first_names + person.middle_names, person.prelast_names, person.lineage_names)
    read = tuple(" ".join(words).strip("{}") for words in parts)
    assert read == (family, given, particle, suffix)
    named = bibtexparser.parse_string(text, append_middleware=[SeparateCoAuthors(), SplitNameParts()])
    other = named.entries[0]["author"][0]
    assert tuple(" ".join(words).strip("{}") for words in (other.last, other.first, other.von, other.jr)) == read


@pytest.mark.parametrize(
    ("group", "key"),
    [
        ("Qwen Team", "qwenteam"), ("DeepSeek-AI", "deepseekai"), ("xAI", "xai"), ("L.-M. Team", "lmteam"),
        ("Research and Development Group", "researchanddevelopmentgroup"), ("Google, Inc.", "googleinc"),
    ],
)  # fmt: skip
def test_groups_stand_in_braces(group, key):
    text = bibtex(paper(authors=[group]))
    assert f"author = {{{{{group}}}}}" in text
    assert f"{{{key}2021a-b," in text
    (entry,) = pybtex.database.parse_string(text, "bibtex").entries.values()
    (person,) = entry.persons["author"]
    assert [str(name).strip("{}") for name in person.last_names] == [group]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"authors": ["K. Økland"]}, "okland2021a-b"),
        ({"authors": ["Paweł Łukasz"]}, "lukasz2021a-b"),
        ({"authors": ["J. Weiß"]}, "weiss2021a-b"),
        ({"authors": [], "title": "A Review of 3 Things"}, "review2021a-b"),
        ({"authors": [], "title": "2024: 100 %"}, "key2021a-b"),
        ({"authors": ["李 明"], "title": "On Experts"}, "experts2021a-b"),
    ],
)
def test_a_key_begins_with_a_letter(changes, key):
    assert citation_key(paper(**changes)) == key


@pytest.mark.parametrize(
    ("venue", "kind", "year"),
    [
        ("JMLR 2021", "journal", "2021"), ("IEEE Transactions on Big Things 2012", "journal", "2012"),
        ("TPAMI 2025", "journal", "2025"), ("Sci. China Inf. Sci. 2023", "journal", "2023"),
        ("Proc. ACM Manag. Data 2023", "journal", "2023"), ("Findings of ACL", "proceedings", None),
        ("EMNLP (Findings) 2023", "proceedings", "2023"), ("COLM 2024", "proceedings", "2024"),
        ("ACM BCB 2025", "proceedings", "2025"), ("SomeNewConf 2031", "proceedings", "2031"),
        ("Proceedings of 33. Forum Bauinformatik", "proceedings", None), ("CoRR abs/2101.03961", "none", None),
        ("First Workshop on Interpolation at NeurIPS 2022", "proceedings", "2022"), ("online 2024", "none", "2024"),
    ],
)  # fmt: skip
def test_venues_are_told_apart(venue, kind, year):
    parsed = parse_venue(venue)
    assert (parsed.kind, parsed.year) == (kind, year)
    assert is_preprint(venue) == (kind == "none")


def test_the_fullest_list_of_authors_is_taken():
    content = Paper.model_validate(
        {"key": "a-b", "name": "A", "title": "A Title", "authors": ["A. Author", "B. Writer"], "year": 2021}
    ).model_dump_json(exclude_defaults=True)
    lists = (("Other, Person",), ("Ada Author", "Bo Writer"), ("Ada Author", "Cy Else"))
    text = bibtex(Work.stored("paper:a-b", Cited(content, authors=lists)))
    assert "author = {Author, Ada and Writer, Bo}" in text


@pytest.mark.integration
def test_two_parsers_read_every_paper(real_kb):
    papers = [brief.record for brief in real_kb.briefs("paper")]
    written = real_kb.bibtex([*papers, *(brief.record for brief in real_kb.briefs("source"))])
    text = "\n".join(written.values())
    first = bibtexparser.parse_string(text, append_middleware=[SeparateCoAuthors(), SplitNameParts()])
    second = pybtex.database.parse_string(text, "bibtex").entries
    assert not first.failed_blocks
    assert list(first.entries_dict) == list(second)
    assert len(second) == len(written)
    for key, entry in first.entries_dict.items():
        other = second[key]
        assert entry.entry_type == other.type
        assert key[0].isalpha()
        names = [
            (" ".join(n.last), " ".join(n.von), " ".join(n.jr)) for n in entry.get("author", Field("author", [])).value
        ]
        people = other.persons.get("author", [])
        assert names == [(" ".join(p.last_names), " ".join(p.prelast_names), " ".join(p.lineage_names)) for p in people]


@pytest.mark.integration
def test_an_entry_has_the_preferred_venue(real_kb):
    for brief in real_kb.briefs("paper"):
        preferred = [claim for claim in real_kb.claims(brief.record, field="venue") if claim.preferred]
        (entry,) = entries(real_kb.cite([brief.record]))
        fields = {field.key: str(field.value) for field in entry.fields}
        shown = fields.get("journal") or fields.get("booktitle") or fields.get("howpublished")
        for claim in preferred:
            everything = real_kb.claims(brief.record, field="venue")
            assert is_preprint(claim.text) == all(is_preprint(other.text) for other in everything), brief.record
            if not is_preprint(claim.text):
                venue = parse_venue(claim.text)
                assert shown == venue.name
                assert entry.entry_type == {"journal": "article", "proceedings": "inproceedings"}[venue.kind]
                assert venue.year in (None, fields["year"])


@pytest.mark.integration
@pytest.mark.parametrize(
    ("key", "kind", "venue", "year"),
    [
        ("switch-transformer", "article", "Journal of Machine Learning Research", "2022"),
        ("deepseekmoe", "inproceedings", "ACL 2024", "2024"), ("adamoe", "inproceedings", "EMNLP 2024", "2024"),
        ("llama-moe", "inproceedings", "EMNLP 2024", "2024"), ("moe-llava", "article", "TMM", "2025"),
    ],
)  # fmt: skip
def test_papers_that_appeared_are_not_preprints(real_kb, key, kind, venue, year):
    found = fields(real_kb.cite([f"paper:{key}"]))
    assert (found["type"], found.get("journal") or found["booktitle"], found["year"]) == (kind, venue, year)


@given(st.text(min_size=1, max_size=30).filter(str.strip))
def test_any_printed_name_is_one_author(printed):
    name = parse_name(printed)
    assert name.family
    assert re.fullmatch("[a-z]*", latin(name.family))
