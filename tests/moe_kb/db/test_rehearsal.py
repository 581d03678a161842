"""What schema and rules let through and a build cannot take: a finding that names the file; the old database answers.

The holes here are made, since those that are known are closed.
"""

import pytest
from trees import edit

from moe_kb.claims.expand import expand
from moe_kb.corpus import Corpus
from moe_kb.db.build import build
from moe_kb.db.rehearsal import rehearse
from moe_kb.errors import CheckFailedError
from moe_kb.kb import open_kb

BETA, TABLE = "data/papers/2020/beta.yaml", "data/tables/first-table.yaml"


@pytest.fixture
def hole(monkeypatch):
    """Whatever a paper called Beta says cannot become claims."""

    def broken(record):
        if record.name == "Beta":
            raise ZeroDivisionError("of a kind that nobody thought of")
        return expand(record)

    for module in ("build", "rehearsal", "incremental"):
        monkeypatch.setattr(f"moe_kb.db.{module}.expand", broken)


def test_the_rehearsal_of_a_clean_tree_is_silent(tree):
    assert rehearse(Corpus.load(tree)) == []


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.usefixtures("hole")
def test_a_build_names_the_file_and_leaves_the_database(tree, database, force):
    before = database.read_bytes()
    edit(tree, BETA, "Beta Learns to Share", "Beta Learns")
    with pytest.raises(CheckFailedError, match=rf"{BETA}: \[unusable\] .*ZeroDivisionError: of a kind"):
        build(tree, database, force=force)
    assert database.read_bytes() == before
    assert [path.name for path in database.parent.iterdir() if path.suffix == ".tmp"] == []


@pytest.mark.usefixtures("hole")
def test_the_old_database_answers_and_says_so(tree, database):
    edit(tree, BETA, "Beta Learns to Share", "Beta Learns")
    kb = open_kb(tree, database=database)
    assert BETA in str(kb.stale)
    assert kb.search("beta")[0].record == "paper:beta"


def test_claims_that_break_beside_others_name_their_files(tree, monkeypatch):
    def broken(claims, *_):
        if any(claim.subject == "model:alpha" for claim in claims):
            raise OverflowError("too large")
        return []

    for module in ("write", "rehearsal"):
        monkeypatch.setattr(f"moe_kb.db.{module}.resolve", broken)
    found = rehearse(Corpus.load(tree))
    assert {finding.path for finding in found} >= {"data/models/alpha.yaml", TABLE}
    with pytest.raises(CheckFailedError, match="OverflowError"):
        build(tree, tree.parent / "new.db")


def test_values_that_no_column_holds_name_their_file(tree, monkeypatch):
    monkeypatch.setattr("moe_kb.db.rows.year_of", lambda _: 2**63)
    assert BETA in {finding.path for finding in rehearse(Corpus.load(tree))}
    with pytest.raises(CheckFailedError, match=r"unusable.*OverflowError"):
        build(tree, tree.parent / "new.db")


@pytest.mark.parametrize("cell", ["''", '"a\\nb"', "x" * 501, "' '", "[]"])
def test_a_cell_is_refused_and_the_rest_answers(tree, database, cell):
    edit(tree, TABLE, "experts: 1/9", f"experts: {cell}")
    with pytest.raises(CheckFailedError, match=rf"{TABLE}:34: \[schema\] rows.0.cells.experts"):
        build(tree, database)
    kb = open_kb(tree, database=database)
    assert f"{TABLE}:34" in str(kb.stale)
    assert kb.search("alpha")
