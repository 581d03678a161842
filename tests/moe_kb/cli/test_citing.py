"""`moe-kb cite`: every field that has a source can be cited, each entry once."""

import bibtexparser
import pytest
from trees import edit


def keys(text: str) -> list[str]:
    return [entry.key for entry in bibtexparser.parse_string(text).entries]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("design:alpha-router", "--field", "chooser"), "% design:alpha-router chooser = token: first-survey, §2"),
        (("alpha-router", "--field", "renormalised"), "% design:alpha-router renormalised = no: first-survey, §2"),
        (("alpha-router", "--field", "equations"), "% design:alpha-router equations = "),
        (("beta-router", "--field", "algorithm"), "% design:beta-router algorithm: first-survey"),
        (("paper:alpha", "--field", "summary"), "% paper:alpha summary: first-survey, §2"),
        (("paper:alpha", "--field", "placements"), "% paper:alpha placements: first-survey, "),
        (("paper:alpha", "--field", "year"), "% paper:alpha year = 2021: first-survey"),
    ],
)
def test_every_sourced_field_is_cited_with_its_place(ask, arguments, line):
    result = ask("cite", *arguments)
    assert result.status == 0
    assert any(printed.startswith(line) for printed in result.out.splitlines()), result.out
    assert keys(result.out) == ["first-survey"]


def test_a_configuration_has_claims_only(ask):
    result = ask("cite", "design:alpha-router", "--field", "chooser", "--configuration", "1B")
    assert (result.status, result.out) == (2, "")


def test_entries_are_printed_once_over_all_names(ask):
    text = ask("cite", "design:alpha-router", "design:beta-router", "--field", "chooser").out
    assert (keys(text), text.count("% design:")) == (["first-survey"], 2)
    assert keys(ask("cite", "paper:beta", "beta", "paper:beta").out) == ["writer2020beta"]


def test_as_data(ask):
    data = ask("cite", "design:alpha-router", "--field", "k", "--json").json
    assert [entry["record"] for entry in data["entries"]] == ["source:first-survey"]
    support = {"field": "k", "value": "1", "source": "first-survey", "locator": "§2"}
    assert data["support"] == [{"record": "design:alpha-router", "configuration": None, **support}]
    data = ask("cite", "paper:beta", "--json").json
    assert (data["support"], keys(data["entries"][0]["bibtex"])) == ([], ["writer2020beta"])


def test_sources_that_are_papers_are_cited_so(moe, tree):
    edit(tree, "data/sources/second-list.yaml", "type: list", "type: paper\npaper: beta")
    assert moe("format").status == 0
    text = moe("cite", "second-list", "paper:beta").out
    assert keys(text) == ["writer2020beta"]
    assert "author = {Writer, Bo and others}" in text
