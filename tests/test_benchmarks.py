"""The benchmarks measure what they say they measure; nothing here is timed."""

import hashlib
from pathlib import Path

import pytest

from benchmarks.search import queries
from benchmarks.synthetic import write_tree
from benchmarks.views import questions, unordered
from moe_kb.checks import check_corpus
from moe_kb.corpus import Corpus
from moe_kb.db.connect import connect
from moe_kb.kb import open_kb

PAPERS = 200


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic")
    write_tree(folder, PAPERS)
    return folder


def _contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.yaml")
    }


def test_synthetic_trees_are_valid_and_sized(synthetic):
    corpus = Corpus.load(synthetic)
    assert check_corpus(corpus) == []
    papers = [path for name, path in corpus.paths.items() if name.startswith("paper:")]
    assert len(papers) == PAPERS
    mean = sum((synthetic / path).stat().st_size for path in papers) / PAPERS
    assert 1_100 < mean < 1_500


def test_the_synthetic_tree_is_the_same_every_time(synthetic, tmp_path):
    write_tree(tmp_path, PAPERS)
    assert _contents(tmp_path) == _contents(synthetic)


def test_a_synthetic_tree_is_not_written_over_records(synthetic):
    before = _contents(synthetic)
    with pytest.raises(FileExistsError):
        write_tree(synthetic, 1)
    assert _contents(synthetic) == before


def test_fifty_different_queries_find_something(synthetic, tmp_path):
    texts = [text for group in queries().values() for text in group]
    assert len(texts) == len(set(texts)) == 50
    kb = open_kb(synthetic, database=tmp_path / "kb.db")
    assert all(kb.search(text) for text in queries()["very common words"])


@pytest.mark.integration
def test_views_answer_as_sql_on_real_data(real_kb):
    _same_answers(real_kb.database)


def test_views_answer_as_sql_on_synthetic_data(synthetic, tmp_path):
    _same_answers(open_kb(synthetic, database=tmp_path / "kb.db").database)


def _same_answers(database: Path) -> None:
    connection = connect(database)
    asked = list(questions(connection))
    assert len(asked) >= 8
    for question, ours, theirs, parameters in asked:
        through_view = connection.execute(ours, parameters).fetchall()
        assert through_view, question
        assert unordered(through_view) == unordered(connection.execute(theirs, parameters).fetchall()), question
    connection.close()
