"""What a typed text is read as."""

import sqlite3

import pytest
from trees import edit, many_papers

from moe_kb.db.question import corrected, read
from moe_kb.kb import open_kb


@pytest.fixture
def asked(kb):
    """Read a text against the fabricated tree."""
    with kb.reader() as reader:
        yield lambda text: read(reader.connection, text)


def ways(question) -> list[tuple[str, ...]]:
    return [part.ways for part in question.parts]


def test_short_forms_stand_for_each_other(asked):
    assert set(ways(asked("gate"))[0]) == {"gate", "router", "gating network"}
    assert set(ways(asked("Gating-Network"))[0]) == set(ways(asked("router"))[0])
    assert ways(asked("bx router"))[0] == ("bx", "best expert", "top expert")


def test_organisations_are_found_under_every_spelling(asked):
    assert set(ways(asked("zeta"))[0]) >= {"zeta", "z"}


def test_function_words_count_only_alone(asked):
    assert [way[0] for way in ways(asked("which of the tokens"))] == ["tokens"]
    assert [way[0] for way in ways(asked("the"))] == ["the"]


@pytest.mark.parametrize("text", ["A. Author", "Author, Ada", "author a", "Ada Author"])
def test_a_name_is_asked_as_papers_print_it(asked, text):
    assert any({"ada author", "ada"} & {*part.ways} for part in asked(text).parts)
    assert ("author",) in ways(asked(text)), "the family name stays a word of its own"


def test_the_last_word_may_be_unfinished(asked):
    first, last = asked("alpha rout").parts
    assert (first.unfinished, last.unfinished) == (False, True)
    assert asked("of").parts[0].unfinished is False


@pytest.mark.parametrize(("typed", "meant"), [
    ("invnted tokens", "invented tokens"), ("Aplha", "alpha"), ("tokns", "tokens"), ("rotuer", "router"),
    ("Exmaple Lab", "example Lab"), ("share-ing routr", "share-ing router"),
])  # fmt: skip
def test_unknown_words_are_respelt(kb, typed, meant):
    with kb.reader() as reader:
        assert corrected(reader.connection, read(reader.connection, typed)).text == meant


@pytest.mark.parametrize("text", ["zebra", "alpha router", "abc", "q" * 400, "12345", "", "混合专家"])
def test_what_nothing_comes_near_stays(kb, text):
    with kb.reader() as reader:
        assert corrected(reader.connection, read(reader.connection, text)) is None


def test_words_written_as_one_or_two_meet(asked):
    assert "alphamoe" in ways(asked("alpha moe"))[0]
    assert ways(asked("inventedtokens"))[0] == ("inventedtokens", "invented tokens")


def test_a_large_family_is_bounded(tmp_path):
    kb = open_kb(many_papers(tmp_path / "tree", 60), database=tmp_path / "kb.db")
    with kb.reader() as reader:
        assert len(read(reader.connection, "author 3 writer").parts) <= 3


def test_words_follow_every_refresh(tree, database):
    edit(tree, "data/papers/2020/beta.yaml", "Beta Learns to Share", "Beta Learns to Quantise")
    kb = open_kb(tree, database=database)
    connection = sqlite3.connect(kb.database)
    words = {word for (word,) in connection.execute("SELECT word FROM words")}
    assert "quantise" in words
    assert "share" not in words
