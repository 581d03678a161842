"""Pages of the app, run without a browser on the fabricated tree."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from trees import RECORDS, edit

from moe_kb.lab.results import ResultFile

APP = Path(__file__).resolve().parents[2] / "app"
# A test of Streamlit does not put the script's folder on the path, as its server does.
sys.path.insert(0, str(APP))


class Page(AppTest):
    """The app, of which every run must end without an exception."""

    def _run(self, *arguments: Any, **options: Any) -> AppTest:
        ran = super()._run(*arguments, **options)
        # Where a browser reruns a fragment alone, AppTest reruns the page, in which a fragment may not ask for itself.
        alone = "StreamlitInvalidLayoutContextError"
        assert [problem.message for problem in ran.exception if not problem.proto.type.endswith(alone)] == []
        return ran


@pytest.fixture
def open_page(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Open a page by the name of its file, with the query of its address; runs live in a folder of the test."""
    monkeypatch.setenv("MOE_KB_ROOT", str(tree))
    monkeypatch.setenv("MOE_KB_LAB", str(tmp_path / "runs"))

    def open_it(name: str, /, **query: str) -> AppTest:
        at = Page(str(APP / "main.py"), default_timeout=30).run()
        for key, value in query.items():
            at.query_params[key] = value
        return at.switch_page(f"app_pages/{name}.py").run()

    return open_it


@pytest.fixture
def open_real_page(open_page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """The same on the real records."""

    def open_it(name: str, /, **query: str) -> AppTest:
        monkeypatch.setenv("MOE_KB_ROOT", str(RECORDS))
        return open_page(name, **query)

    return open_it


@pytest.fixture
def sizable(tree: Path) -> Path:
    """The tree, where Alpha says all that sizing needs, and how long a context it allows."""
    known = "    d_model: 512\n    norm: rms\n    tied_embeddings: true\n    context_length: 2048"
    edit(tree, "data/models/alpha.yaml", "    d_model: 512", known)
    return tree


@pytest.fixture
def with_results(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Say what results the installed packages carry, before the test's database is built."""

    def carry(*results: ResultFile) -> None:
        monkeypatch.setattr("moe_kb.lab.results.installed_results", lambda: (list(results), []))

    return carry


@pytest.fixture
def texts() -> Callable[[AppTest], str]:
    """Everything a page says in words, in one text."""
    kinds = ("title", "header", "subheader", "markdown", "caption", "text", "info", "warning", "error", "success")

    def read(at: AppTest) -> str:
        return "\n".join(str(element.value) for kind in kinds for element in getattr(at, kind))

    return read
