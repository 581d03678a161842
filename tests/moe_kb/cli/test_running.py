"""`moe-kb run` finds an implementation by its key or its design, and hands the rest on."""

import os
import subprocess
import sys

import pytest


@pytest.fixture
def started(monkeypatch) -> list[list[str]]:
    """The commands that would have been started."""
    seen: list[list[str]] = []
    monkeypatch.setattr(subprocess, "call", lambda command: seen.append(command) or 3)
    return seen


@pytest.mark.parametrize("name", ["mixtral-top2", "mixtral-top2-router"])
def test_a_key_or_the_design_it_implements(run, started, name):
    assert run("run", name, "--steps", "5", "--help").status == 3
    assert started == [
        [sys.executable, "-m", "reference_impls", "run", "mixtral-top2-router", "--steps", "5", "--help"]
    ]


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_run_without_a_key_lists_implementations(run, started, arguments):
    shown = run("run", *arguments)
    assert (shown.status, started) == (0, [])
    assert "  switch-top1-router " in shown.out


def test_an_unknown_key_is_one_line(run, started):
    shown = run("run", "no-such-thing")
    assert (shown.status, started) == (2, [])
    assert "there is no implementation 'no-such-thing'. Choose one of: " in shown.err


@pytest.mark.parametrize("given", ["option", "variable"])
def test_relative_folders_become_absolute(run, tree, monkeypatch, given):
    """A process that is started may run in another folder."""
    monkeypatch.chdir(tree.parent)
    monkeypatch.setenv("MOE_KB_LAB", "runs")
    monkeypatch.setenv("MOE_KB_ROOT", tree.name if given == "variable" else "elsewhere")
    seen = []
    monkeypatch.setattr(
        os, "execv", lambda *_: seen.append((os.environ["MOE_KB_ROOT"], os.environ["MOE_KB_LAB"]))
    )  # it would end the test's process
    options = ["--root", tree.name] if given == "option" else []
    assert run(*options, "app", "--no-browser").status == 0
    assert seen == [(str(tree), str(tree.parent / "runs"))]
