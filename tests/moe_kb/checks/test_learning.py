"""The glossary and the reading routes under check."""

import pytest
from trees import LEARNING, edit, small_tree

from moe_kb.checks import check_corpus
from moe_kb.checks.canonical import not_canonical
from moe_kb.corpus import Corpus

GLOSSARY, ROUTES = LEARNING


def findings(tree):
    return check_corpus(Corpus.load(tree))


def test_both_files_are_clean_and_canonical(tmp_path):
    tree = small_tree(tmp_path, LEARNING)
    assert findings(tree) == []
    assert [not_canonical(tree, path) for path in LEARNING] == [None, None]


@pytest.mark.parametrize(
    ("path", "old", "new", "rule", "message"),
    [
        (GLOSSARY, "term: gate", "term: unit", "glossary-order", "token choice stands after unit"),
        (GLOSSARY, "[TC, token-choice routing]", "[TC, G-Function]", "duplicate-term", "already stands at 'gate'"),
        (GLOSSARY, "term: token choice", "term: Gate", "duplicate-term", "'Gate' already stands at 'gate'"),
        (GLOSSARY, "design:alpha-router", "design:gone", "dangling-reference", "the design 'gone' does not exist"),
        (GLOSSARY, "node:first:algorithm/gating", "node:first:gone", "dangling-reference", "node first:gone"),
        (GLOSSARY, "source: second-list", "source: gone", "dangling-reference", "the source 'gone'"),
        (GLOSSARY, "'design:alpha-router'", "'alpha-router'", "schema", "see.0"),
        (ROUTES, "work: paper:beta", "work: paper:gone", "dangling-reference", "the paper 'gone'"),
        (ROUTES, "work: paper:beta", "work: source:first-survey", "schema", "work"),
        (ROUTES, "work: paper:beta", "work: paper:alpha", "duplicate-stop", "paper:alpha already stands on"),
        (ROUTES, "why: It shares what others split.", "why: ' '", "schema", "must be one line, not blank"),
    ],
)
def test_what_is_broken_is_named(tmp_path, path, old, new, rule, message):
    tree = small_tree(tmp_path, LEARNING)
    edit(tree, path, old, new)
    found = findings(tree)
    assert [finding.rule for finding in found] == [rule]
    assert message in found[0].message
    assert found[0].path == path
    assert found[0].line


def test_two_routes_of_one_key(tmp_path):
    again = LEARNING[ROUTES].partition("\n")[2]
    tree = small_tree(tmp_path, LEARNING | {ROUTES: LEARNING[ROUTES] + again})
    assert {finding.rule for finding in findings(tree)} == {"duplicate-route"}


def test_a_record_that_a_route_names_stays(tmp_path):
    tree = small_tree(tmp_path, LEARNING)
    (tree / "data/papers/2020/beta.yaml").unlink()
    assert ROUTES in {finding.path for finding in findings(tree)}
