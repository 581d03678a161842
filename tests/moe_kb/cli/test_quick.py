"""What only asks imports nothing slow: no SQLAlchemy, torch or pandas, and no record types that it does not need."""

from __future__ import annotations

import subprocess
import sys

import pytest
from trees import SIZED, edit

SLOW = {"sqlalchemy", "sqlmodel", "torch", "pandas", "plotly", "streamlit", "networkx"}
RECORDS = {"pydantic", "moe_kb.records.base", "yaml"}
CODE = """
import sys
sys.argv = ["moe-kb", *sys.argv[1:]]
from moe_kb.cli import main
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
print("\\n".join(sys.modules), file=sys.stderr)
"""


@pytest.fixture
def imported(tree, monkeypatch):
    """Modules that a process imports to answer a question about the small tree."""
    edit(tree, "data/models/alpha.yaml", "    vocab_size: 1000\n", SIZED)
    monkeypatch.setenv("MOE_KB_ROOT", str(tree))

    def ask(*arguments: str) -> set[str]:
        done = subprocess.run([sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, check=True)
        return set(done.stderr.split())

    ask("audit")  # builds the database and keeps the issues
    return ask


@pytest.mark.parametrize(
    ("arguments", "records"),
    [
        (["query", "SELECT 1"], False),
        (["search", "alpha"], False),
        (["tree", "first"], False),
        (["cite", "paper:alpha"], False),
        (["show", "alpha-router"], False),
        (["compare", "alpha-router", "beta-router"], False),
        (["related", "paper:alpha"], False),
        (["stats"], False),
        (["size", "alpha"], True),
        (["audit"], True),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_asking_imports_nothing_slow(imported, arguments, records):
    modules = imported(*arguments)
    assert modules & SLOW == set()
    assert records or modules & RECORDS == set()


def test_opening_imports_nothing_slow(imported):
    code = "import sys, moe_kb; moe_kb.open(); print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & (SLOW | RECORDS) == set()
