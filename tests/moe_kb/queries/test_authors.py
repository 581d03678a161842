"""Authors: which names are one person's."""

from pathlib import Path

import pytest

from moe_kb.errors import NotFoundError
from moe_kb.kb import open_kb

PAPER = """\
key: {key}
name: {key}
title: The paper {key}
authors: [{authors}]
year: 2020
provenance:
- {{source: first-survey, fields: [name, title, authors, year]}}
"""


@pytest.fixture
def people(tree: Path):
    """Write papers with these authors, open the tree."""

    def write(*authors: str):
        for number, names in enumerate(authors):
            path = tree / f"data/papers/2020/written-{number}.yaml"
            path.write_text(PAPER.format(key=f"written-{number}", authors=names))
        return open_kb(tree, database=tree.parent / "people.db")

    return write


def test_initials_join_the_one_that_fits(people):
    kb = people("N. Shazeer", "Noam Shazeer, Ø. Økland", "Noam M. Shazeer")
    page = kb.author("N. Shazeer")
    assert page.person.name == "Noam M. Shazeer"
    assert len(page.person.records) == 3
    assert page.coauthors == (("Ø. Økland", 1),)
    assert page.maybe == ()
    assert kb.author("shazeer, noam").person == page.person == kb.author("NOAM SHAZEER").person


def test_initials_that_fit_several_stay_apart(people):
    kb = people("Y. Wang", "Yi Wang", "Yu Wang", "Yi Wang")
    page = kb.author("Y. Wang")
    assert (page.person.spellings, len(page.person.records)) == (("Y. Wang",), 1)
    assert {other.name for other in page.maybe} == {"Yi Wang", "Yu Wang"}
    assert [other.name for other in kb.author("Yi Wang").maybe] == ["Y. Wang"]


def test_groups_and_compound_families(people):
    kb = people("Qwen Team, Aaron van den Oord", "'Luc {Van Gool}, A. van den Oord'".replace("{", "").replace("}", ""))
    assert kb.author("Qwen Team").person.name == "Qwen Team"
    assert len(kb.author("van den Oord, Aaron").person.records) >= 1
    assert {hit.kind for hit in kb.find("qwen team").all} >= {"author", "paper"}


@pytest.mark.parametrize(
    "text", ["Noam Shazeer", "Shazeer, Noam", "Shazeer Noam", "N. Shazeer", "N Shazeer", "shazeer n."]
)
@pytest.mark.parametrize("printed", ["N. Shazeer", "Noam Shazeer", "Noam M. Shazeer"])
def test_papers_are_found_by_either_form(people, text, printed):
    kb = people(printed, "M. Shazeer")
    assert [hit.record for hit in kb.search(text, kind="paper")] == ["paper:written-0"]


@pytest.mark.parametrize(("printed", "text"), [
    ("Ø. Økland", "Okland"), ("Paweł Nowak", "pawel nowak"), ("E. Kökpınar", "Kokpinar"), ("J. Straße", "strasse"),
    ("J. Straße", "STRAßE"), ("E. Kökpınar", "kökpınar"),
])  # fmt: skip
def test_letters_fold_in_index_and_question(people, printed, text):
    kb = people(printed)
    assert kb.search(text)[0].record == "paper:written-0"
    assert kb.search(text)[0].why == "text"
    assert kb.find(text).hits["author"][0].name == printed


def test_an_unknown_name_lists_near_ones(kb):
    with pytest.raises(NotFoundError, match=r"no paper has an author 'Ada Autor'\. Did you mean: Ada Author"):
        kb.author("Ada Autor")
    with pytest.raises(NotFoundError, match="Search for a part"):
        kb.author("")
