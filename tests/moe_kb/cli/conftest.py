"""Running `moe-kb` as a person does: arguments in; exit status, output and error text out."""

import json
import shutil
import sys
from dataclasses import dataclass
from typing import Any

import pytest


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
def moe(run, tree, built, monkeypatch):
    """`run` on a fresh fabricated tree, whose database is there already."""
    from moe_kb.paths import default_database

    monkeypatch.setenv("MOE_KB_ROOT", str(tree))
    database = default_database(tree.resolve())
    database.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(built / "kb.db", database)
    return run


@pytest.fixture
def shared_tree(built, monkeypatch):
    """The fabricated tree that no test changes, with its database in a cache folder that tests share."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(built / "cache"))
    monkeypatch.setenv("MOE_KB_ROOT", str(built / "tree"))
    return built / "tree"


@pytest.fixture
def ask(run, shared_tree):
    """`run` on a tree that is not changed."""
    return run
