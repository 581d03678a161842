"""The house as docs/architecture.md describes it; the layers themselves are held by `make lint` (import-linter)."""

import re
import subprocess
import sys

import grimp
import networkx as nx
import pytest
from trees import REPOSITORY

PACKAGE = REPOSITORY / "moe_kb"
MODULES = sorted(
    ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
)
#: A statement of SQL: a verb and the word that must follow it somewhere in the same text.
SQL = re.compile(
    r"\bSELECT\b[^\"]*\bFROM\b|\bINSERT (?:OR \w+ )?INTO\b|\bDELETE FROM\b|\bUPDATE \w+ SET\b|\bCREATE TABLE\b"
)
#: Where else a text may hold SQL: other databases than the knowledge base's, and examples for people.
NOT_OURS = {
    "moe_kb/lab/store.py",  # the laboratory's own database of runs
    "moe_kb/audit/kept.py",  # the issues kept beside the database
    "moe_kb/tables.py",  # a docstring
    "moe_kb/cli/ask.py",  # the help of `query`
}


def test_no_module_stands_in_an_import_circle():
    graph = grimp.build_graph("moe_kb", cache_dir=None)
    imports: nx.DiGraph[str] = nx.DiGraph()
    imports.add_edges_from(
        (module, imported) for module in graph.modules for imported in graph.find_modules_directly_imported_by(module)
    )
    assert [sorted(circle) for circle in nx.strongly_connected_components(imports) if len(circle) > 1] == []


#: Imports every module named as the first of the package, in one process: what the package left is taken out each time.
IMPORT_EACH = """
import importlib, sys, warnings
from sqlmodel import SQLModel
warnings.simplefilter("ignore")  # classes that are declared again
for name in sys.argv[1:]:
    for module in [loaded for loaded in sys.modules if loaded.partition(".")[0] == "moe_kb"]:
        del sys.modules[module]
    SQLModel.metadata.clear()
    importlib.import_module(name)
"""


def test_every_module_can_be_imported_first():
    done = subprocess.run([sys.executable, "-c", IMPORT_EACH, *MODULES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_sql_stands_in_db_and_queries_only():
    paths = [*PACKAGE.rglob("*.py"), *(REPOSITORY / "app").rglob("*.py")]
    names = {path.relative_to(REPOSITORY).as_posix() for path in paths if SQL.search(path.read_text(encoding="utf-8"))}
    elsewhere = {name for name in names if not name.startswith(("moe_kb/db/", "moe_kb/queries/"))}
    assert elsewhere <= NOT_OURS


def test_only_charts_import_plotly():
    files = {
        path.relative_to(PACKAGE).parts[0] for path in PACKAGE.rglob("*.py") if "import plotly" in path.read_text()
    }
    assert files == {"charts"}
    for path in (PACKAGE / "charts").glob("[!_]*.py"):
        assert re.search(r"plotly|go\.Figure|moe_kb\.charts", path.read_text()), f"{path.name} draws nothing"


@pytest.mark.parametrize("folder", ["queries", "analysis"])
def test_no_loose_dictionaries_cross_a_border(folder):
    loose = re.compile(r"^(?:    )?def [a-z]\w*\((?:[^)]*\)){1}?[^:]*dict\[str, Any\]", re.MULTILINE)
    found = [path.name for path in (PACKAGE / folder).glob("*.py") if loose.search(path.read_text())]
    assert found == []
    assert "dict[str, Any]" not in (PACKAGE / "kb.py").read_text()
