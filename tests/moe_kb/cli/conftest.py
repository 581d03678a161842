"""Running `moe-kb` as a person does: arguments in; exit status, output and error text out."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from trees import small_tree


@dataclass
class Run:
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run(monkeypatch, capsys):
    """Call the entry point as the installed script does; an exception that it lets through fails the test."""
    from moe_kb.cli import main

    def call(*arguments: object) -> Run:
        monkeypatch.setattr(sys, "argv", ["moe-kb", *map(str, arguments)])
        capsys.readouterr()
        status = 0
        try:
            main()
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else int(bool(stop.code))
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return Run(status, captured.out, captured.err)

    return call


@pytest.fixture
def moe(run, tree, monkeypatch):
    """`run` on a fresh fabricated tree."""
    monkeypatch.setenv("MOE_KB_ROOT", str(tree))
    return run


@pytest.fixture(scope="session")
def shared_tree(tmp_path_factory):
    """A fabricated tree that no test changes, with its database built."""
    return small_tree(tmp_path_factory.mktemp("shared") / "tree")


@pytest.fixture
def ask(run, shared_tree, monkeypatch):
    """`run` on a tree that is not changed."""
    monkeypatch.setenv("MOE_KB_ROOT", str(shared_tree))
    return run
