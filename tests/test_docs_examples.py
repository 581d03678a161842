"""The documentation's examples are run.

Convention: in README.md and docs/*.md the fenced `python` blocks of a file run in order in one namespace, and every
line of a `console` block that starts with `$ moe-kb` must exit with status 0. Doctests of the package run too.
"""

from __future__ import annotations

import doctest
import importlib
import re
import shlex
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("**/*.md"))]
MODULES = sorted(
    ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")
    for path in (REPOSITORY / "moe_kb").rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)
_BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.integration


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """Line and text of a page's fenced blocks in one language."""
    text = page.read_text(encoding="utf-8")
    return [(text.count("\n", 0, m.start()) + 2, m[2]) for m in _BLOCK.finditer(text) if m[1] == language]


COMMANDS = [
    pytest.param(line.removeprefix("$ "), id=f"{page.name}:{first + number}")
    for page in PAGES
    for first, block in blocks(page, "console")
    for number, line in enumerate(block.splitlines())
    if line.startswith("$ moe-kb ")
]


@pytest.fixture(autouse=True)
def _real_data(real_kb, monkeypatch, tmp_path):
    """Examples name no root: they mean the real data; what they write goes elsewhere."""
    for module in ("moe_kb.paths", "moe_kb.kb"):
        monkeypatch.setattr(importlib.import_module(module), "default_database", lambda root: real_kb.database)
    monkeypatch.chdir(tmp_path)


def test_there_are_examples_to_run():
    assert len(COMMANDS) > 10
    assert sum(len(blocks(page, "python")) for page in PAGES) >= 2
    assert "moe_kb" in MODULES


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=lambda page: page.name)
def test_python_examples_run(page):
    namespace: dict[str, object] = {"__name__": "example"}
    for line, block in blocks(page, "python"):
        code = compile("\n" * (line - 1) + block, str(page), "exec")
        exec(code, namespace)  # our own documentation
    assert namespace


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_succeed(command, monkeypatch, capsys):
    import subprocess

    from moe_kb.cli import main

    monkeypatch.setattr(subprocess, "call", lambda *_, **__: 0)  # `moe-kb app` would run until stopped
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit) as stop:  # typer ends every command so
        main()
    assert stop.value.code == 0, capsys.readouterr().err


@pytest.mark.parametrize("name", MODULES)
def test_doctests_pass(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
