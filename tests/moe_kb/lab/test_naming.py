"""Names of runs, and databases of earlier versions."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from moe_kb.lab import Lab


@pytest.mark.parametrize(("given", "kept"), [
    ("Mine", "Mine"), ("  two\nlines\t", "two lines"), ("", None), (None, None), ("a\u202eb\x00", "a b"),
    ("x" * 200, "x" * 80), ("<b>é名</b>", "<b>é名</b>"),
])  # fmt: skip
def test_a_run_keeps_the_name_it_is_given(lab: Lab, given: str | None, kept: str | None) -> None:
    run = lab.launch("demo", {}, name=given)
    assert run.name == kept
    assert lab.rename(run.id, "other").name == "other"
    assert lab.rename(run.id, given).name == kept
    lab.wait(run.id, 15)
    assert lab.run(run.id).name == kept


def test_a_database_of_version_one_is_upgraded(open_lab: Callable[[], Lab], home: Path) -> None:
    first = open_lab()
    run = first.launch("demo", {})
    first.wait(run.id, 15)
    with sqlite3.connect(home / "runs.db") as connection:
        connection.execute("ALTER TABLE runs DROP COLUMN name")
        connection.execute("PRAGMA user_version=1")
    connection.close()
    again = open_lab()
    assert [known.id for known in again.runs()] == [run.id]
    assert again.rename(run.id, "kept").name == "kept"
