"""Relative folders given to `moe-kb` mean the folder it was started in, for every process it starts."""

from __future__ import annotations

import os
import subprocess

import pytest


@pytest.mark.parametrize("given", ["option", "variable"])
def test_relative_folders_are_made_absolute_before_anything_starts(run, tree, monkeypatch, given):
    monkeypatch.chdir(tree.parent)
    monkeypatch.setenv("MOE_KB_LAB", "runs")
    monkeypatch.setenv("MOE_KB_ROOT", tree.name if given == "variable" else "elsewhere")
    seen = []

    def started(command, cwd):
        seen.append((os.environ["MOE_KB_ROOT"], os.environ["MOE_KB_LAB"]))
        return 0

    monkeypatch.setattr(subprocess, "call", started)
    options = ["--root", tree.name] if given == "option" else []
    assert run(*options, "app", "--no-browser").status == 0
    assert seen == [(str(tree), str(tree.parent / "runs"))]
