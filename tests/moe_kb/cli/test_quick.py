"""What only asks imports nothing slow: no SQLAlchemy, torch or pandas, and no record types that it does not need."""

import os
import shutil
import subprocess
import sys

import pytest
from trees import size_alpha

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


@pytest.fixture(scope="module")
def environment(tmp_path_factory, built):
    """Of a small tree whose database and issues are there already."""
    folder = tmp_path_factory.mktemp("quick")
    tree = shutil.copytree(built / "tree", folder / "tree")
    size_alpha(tree)
    environment = {**os.environ, "MOE_KB_ROOT": str(tree), "XDG_CACHE_HOME": str(folder / "cache")}
    subprocess.run([sys.executable, "-c", CODE, "audit"], capture_output=True, check=True, env=environment)
    return environment


def imported(environment, *arguments: str) -> set[str]:
    """Modules that a process imports."""
    command = [sys.executable, "-c", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return set(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "records"),
    [
        (["query", "SELECT 1"], False), (["search", "alpha"], False), (["tree", "first"], False),
        (["cite", "paper:alpha"], False), (["show", "alpha-router"], False),
        (["compare", "alpha-router", "beta-router"], False), (["related", "paper:alpha"], False), (["stats"], False),
        (["size", "alpha"], True), (["audit"], True),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)  # fmt: skip
def test_asking_imports_nothing_slow(environment, arguments, records):
    modules = imported(environment, CODE, *arguments)
    assert modules & SLOW == set()
    assert records or modules & RECORDS == set()


def test_opening_imports_nothing_slow(environment):
    code = "import sys, moe_kb; moe_kb.open(); print('\\n'.join(sys.modules), file=sys.stderr)"
    assert imported(environment, code) & (SLOW | RECORDS) == set()
