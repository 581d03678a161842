"""The documentation's examples are run.

Convention: in README.md and docs/*.md the fenced `python` blocks of a file run in order in one namespace, and every
line of a `console` block that starts with `$ moe-kb` must exit with status 0. Doctests of the package run too.
"""

import doctest
import importlib
import re
import shlex
import sys
from pathlib import Path

import pytest
from trees import RECORDS, REPOSITORY

import moe_kb

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
    monkeypatch.setenv("MOE_KB_ROOT", str(RECORDS))
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


@pytest.fixture
def answered(monkeypatch, capsys):
    """What a command prints."""
    import subprocess

    from moe_kb.cli import main

    monkeypatch.setattr(subprocess, "call", lambda *_, **__: 0)  # `moe-kb app` would run until stopped

    def call(command: str) -> str:
        monkeypatch.setattr(sys, "argv", shlex.split(command))
        with pytest.raises(SystemExit) as stop:
            main()
        printed = capsys.readouterr()
        assert stop.value.code == 0, printed.err
        return printed.out

    return call


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_succeed(command, answered):
    answered(command)


def test_four_ways_of_asking_agree(answered):
    page = REPOSITORY / "docs" / "queries.md"
    start, *questions = page.read_text(encoding="utf-8").partition("## Five questions")[2].split("\n### ")
    assert len(questions) == 5
    namespace: dict[str, object] = {"kb": moe_kb.open()}
    exec(start.partition("```python\n")[2].partition("```")[0], namespace)
    for question in questions:
        ((_, command), (_, code)) = [(m[1], m[2]) for m in _BLOCK.finditer(question)]
        exec(code, namespace)  # asserts that SQL, SQLModel and pandas agree
        answer, printed = namespace["answer"], answered(command.removeprefix("$ ").strip())
        assert answer
        assert [item for item in answer if item not in printed] == [], question


@pytest.mark.parametrize("name", MODULES)
def test_doctests_pass(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
