"""`moe-kb cite`: every field that has a source can be cited, each entry once."""

import bibtexparser
import pytest
from trees import REPOSITORY, edit


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


def test_a_search_and_a_node_are_cited_whole(ask, moe):
    assert keys(ask("cite", "--node", "first:algorithm").out) == ["author2021alpha", "writer2020beta"]
    assert keys(ask("cite", "--node", "first:algorithm/gating/sparse").out) == ["author2021alpha"]
    assert keys(ask("cite", "--search", "invented tokens").out) == ["author2021alpha"]
    assert keys(ask("cite", "beta", "--search", "alpha").out) == ["writer2020beta", "author2021alpha"]
    assert {entry["record"] for entry in ask("cite", "--search", "", "--json").json["entries"]} == {
        "paper:alpha", "paper:beta",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ((), 2), (("--search", "zzzz"), 1), (("--node", "no-such-node"), 2), (("--search", "a", "--field", "year"), 2),
    ],
)  # fmt: skip
def test_nothing_to_cite_says_why(ask, arguments, status):
    result = ask("cite", *arguments)
    assert (result.status, result.out) == (status, "")
    assert result.err.strip()


def test_values_carry_the_version_of_the_data(ask, kb):
    lines = ask("cite", "paper:alpha", "--field", "year").out.splitlines()
    assert f"% {kb.note}" in lines
    assert kb.content_hash[:12] in kb.note
    claim = kb.value("model:alpha", "params_total", configuration="1B")
    said = kb.cited_value(claim)
    assert said.startswith(f"Alpha 1B: params_total = {claim.shown}")
    assert "Source: " in said
    assert said.endswith(f"{kb.note}.")


def test_the_base_itself_is_cited_as_its_file_says(ask, kb):
    import yaml

    said = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    (entry,) = bibtexparser.parse_string(ask("cite", "moe-kb").out).entries
    assert entry["title"].strip("{}") == said["title"]
    assert entry["author"].strip("{}") == said["authors"][0]["name"]
    assert entry["version"] == str(said["version"])
    assert kb.version in entry["note"]
    assert keys(ask("cite", "moe-kb", "beta").out) == ["writer2020beta", "moe-kb"]
