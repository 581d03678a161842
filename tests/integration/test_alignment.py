"""The alignment file and the models say the same about released configurations."""

from __future__ import annotations

import pytest

from moe_kb.corpus import Corpus
from moe_kb.records import Model, Source, Table

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def corpus(request) -> Corpus:
    return Corpus.load(request.config.rootpath)


def test_released_configurations_are_aligned_with_their_models(corpus):
    sources = {source.key for source in corpus.of(Source) if source.type == "config"}
    held = {
        (configuration.architecture.source, model.reference, configuration.label)
        for model in corpus.of(Model)
        for configuration in model.configurations
        if configuration.architecture and configuration.architecture.source in sources
    }
    aligned = {(entry.source, entry.subject, entry.configuration) for entry in corpus.alignment.configs}
    assert aligned == held
    assert {source for source, _, _ in aligned} == sources


def test_rows_about_models_are_aligned_once(corpus):
    rows = {(table.key, row.row) for table in corpus.of(Table) if table.about != "design" for row in table.rows}
    aligned = [(entry.table, entry.row) for entry in corpus.alignment.rows]
    assert len(aligned) == len(set(aligned))
    assert set(aligned) == rows


def test_a_row_without_a_subject_says_why(corpus):
    assert all(entry.subject or entry.reason for entry in (*corpus.alignment.rows, *corpus.alignment.configs))
