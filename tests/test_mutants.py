"""Mutants are what they say: each change applies, is found again after a move, and gets the verdict it deserves."""

import ast
import sqlite3
import subprocess
from dataclasses import asdict, replace

import pytest

from benchmarks.mutants import AREAS, choose, executing, renamed, report, run
from benchmarks.mutations import Mutant, changed, find, index, source_with, statements, text_of

SOURCE = '''\
"""A module."""


class Shelf:
    """§ A shelf."""

    def __repr__(self):
        return f"{1 + 1}"

    def room(self, books: int, *, width=3):
        """How much is left."""
        if books < 0:
            raise ValueError("at least 0")
        elif books == 1 or (
            width
        ):
            left = max(width - books,
                       0)  # a comment: with a colon
        else:
            left = 0
        with open("ß" * 2, closefd=True) as file: # one: two
            print(left + 1)
        while left > 100:
            left -= 1
        return left


def count(books):
    total = 0
    for book in [book for book in books if book]:
        total += not book.missing
    return total
'''


@pytest.fixture
def shelf(tmp_path):
    (tmp_path / "shelf.py").write_text(SOURCE, encoding="utf-8")
    return tmp_path


def _mutants(path):
    for statement in statements(path):
        for kind, after in changed(statement):
            above = list(statement.above)
            yield statement, Mutant("area", kind, path.stem, statement.inside, above, statement.text, after)


def test_each_change_touches_one_statement(shelf):
    original = [text_of(statement.node) for statement in statements(shelf / "shelf.py")]
    mutants = list(_mutants(shelf / "shelf.py"))
    for statement, mutant in mutants:
        (shelf / "mutated.py").write_text(source_with(mutant, statement), encoding="utf-8")
        texts = [text_of(other.node) for other in statements(shelf / "mutated.py")]
        differing = [(old, new) for old, new in zip(original, texts, strict=True) if old != new]
        assert differing == [(mutant.before, mutant.after)]
    assert {mutant.kind for _, mutant in mutants} == {
        "comparison", "and/or", "arithmetic", "flag", "off by one", "not", "condition negated", "nothing returned",
        "opposite", "keyword dropped",
    }  # fmt: skip


def test_messages_and_errors_are_not_mutated(shelf):
    befores = {mutant.before for _, mutant in _mutants(shelf / "shelf.py")}
    assert not any("print" in text or "raise" in text or "1 + 1" in text for text in befores)


def test_mutants_are_found_after_move_and_rename(shelf):
    _, mutant = next(pair for pair in _mutants(shelf / "shelf.py") if pair[1].kind == "opposite")
    moved = shelf / "shelf" / "router.py"
    moved.parent.mkdir()
    moved.write_text(ast.unparse(ast.parse(SOURCE)).replace("books", "volumes"), encoding="utf-8")
    (shelf / "shelf.py").unlink()
    everywhere = index(shelf)
    assert find(mutant, everywhere) is None
    found = find(renamed(mutant, [[r"\bbooks\b", "volumes"]]), everywhere)
    assert found is not None
    assert (found.path, found.inside) == (moved, "Shelf.room")


def test_mutants_that_fit_two_places_are_not_found(shelf):
    _, mutant = next(_mutants(shelf / "shelf.py"))
    assert find(mutant, index(shelf))
    assert find(replace(mutant, after=mutant.before), index(shelf)) is None
    twin = shelf / "copy" / "shelf.py"
    twin.parent.mkdir()
    twin.write_text(SOURCE, encoding="utf-8")
    assert find(mutant, index(shelf)) is None


def test_draw_repeats_and_spreads_over_areas(tmp_path):
    for area, folders in AREAS.items():
        path = tmp_path / folders["draw"][0] / "shelf.py"
        path.parent.mkdir(parents=True)
        path.write_text(SOURCE.replace("books", area), encoding="utf-8")
    chosen = choose(seed=3, count=10, root=tmp_path)
    assert chosen == choose(seed=3, count=10, root=tmp_path) != choose(seed=4, count=10, root=tmp_path)
    assert [mutant.area for mutant in chosen] == [area for area in AREAS for _ in range(2)]
    assert len({mutant.kind for mutant in chosen}) > 2


def test_nearest_tests_come_first(shelf):
    package = shelf / "package"
    package.mkdir()
    (shelf / "shelf.py").rename(package / "shelf.py")
    statement, mutant = next(_mutants(package / "shelf.py"))
    assert statement.node.lineno == 12
    near, other, far = "tests/package/test_shelf.py::test", "tests/package/test_a.py::test", "tests/test_a.py::test"
    executed = {
        f"{far}_1|run": [12], f"{other}[1]|run": [12, 13], f"{other}[2]|run": [12, 13, 14], f"{other}_2|run": range(30),
        f"{near}_1|setup": [12], f"{near}_1|run": [], f"{near}_2|run": [], f"{near}_3|run": [11, 13], "": [12],
    }  # fmt: skip
    connection = sqlite3.connect(shelf / "coverage")
    connection.executescript(
        "CREATE TABLE file (id INTEGER PRIMARY KEY, path TEXT);"
        "CREATE TABLE context (id INTEGER PRIMARY KEY, context TEXT);"
        "CREATE TABLE line_bits (file_id INTEGER, context_id INTEGER, numbits BLOB);"
        "INSERT INTO file VALUES (1, '/elsewhere/package/shelf.py')"
    )
    for number, (context, lines) in enumerate(executed.items()):
        bits = sum(1 << line for line in lines).to_bytes(5, "little")
        connection.execute("INSERT INTO context VALUES (?, ?)", (number, context))
        connection.execute("INSERT INTO line_bits VALUES (1, ?, ?)", (number, bits))
    connection.commit()
    connection.close()
    assert executing(shelf / "coverage", statement, mutant, root=shelf) == [
        f"{near}_1", f"{near}_2", f"{near}_3", f"{other}[1]", f"{other}_2", f"{other}[2]", f"{far}_1",
    ]  # fmt: skip


TESTS = """\
from package.code import double

def test_broken():
    assert double(1) == 3

def test_doubling():
    assert double(3) == 6
"""
CODE = """\
def double(x):
    return x * 2

def unheard(x):
    return x + 1
"""


def test_verdicts_compare_with_unchanged_code(tmp_path):
    for name, text in {"package/__init__.py": "", "package/code.py": CODE, "tests/test_code.py": TESTS}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    mutants = [mutant for _, mutant in _mutants(tmp_path / "package" / "code.py") if mutant.kind == "arithmetic"]
    lost = replace(mutants[0], before="return x * 3")
    plan = {
        "areas": {"area": {"look": "package", "tests": ["tests"]}},
        "renames": [],
        "mutants": [asdict(mutant) for mutant in (*mutants, lost)],
    }
    outcomes = run(plan, coverage=None, jobs=1, limit=100, root=tmp_path)
    assert [(outcome.verdict, outcome.test) for outcome in outcomes] == [
        ("killed", "tests/test_code.py::test_doubling"), ("survived", ""), ("not found", ""),
    ]  # fmt: skip
    assert report(outcomes).splitlines()[-1] == "| all | 3 | 1 | 1 | 0 | 1 |"
    assert (tmp_path / "package" / "code.py").read_text(encoding="utf-8") == CODE
