"""The glossary and the reading routes under check."""

from trees import LEARNING, small_tree

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


def test_two_routes_of_one_key(tmp_path):
    again = LEARNING[ROUTES].partition("\n")[2]
    tree = small_tree(tmp_path, LEARNING | {ROUTES: LEARNING[ROUTES] + again})
    assert {finding.rule for finding in findings(tree)} == {"duplicate-route"}


def test_a_record_that_a_route_names_stays(tmp_path):
    tree = small_tree(tmp_path, LEARNING)
    (tree / "data/papers/2020/beta.yaml").unlink()
    assert ROUTES in {finding.path for finding in findings(tree)}
