"""Fixtures shared by all tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode adds no test folder to the path

from trees import small_tree

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _private_folders(tmp_path_factory, monkeypatch):
    """No test touches the person's cache, runs or chosen tree."""
    base = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("XDG_CACHE_HOME", str(base / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(base / "data"))
    monkeypatch.delenv("MOE_KB_ROOT", raising=False)


@pytest.fixture
def tree(tmp_path) -> Path:
    """A fresh copy of the fabricated tree, free to change."""
    return small_tree(tmp_path / "tree")


@pytest.fixture
def kb(tree):
    """A knowledge base on a fresh fabricated tree."""
    from moe_kb.kb import open_kb

    return open_kb(tree, database=tree.parent / "kb.db")


@pytest.fixture(scope="session")
def real_kb(tmp_path_factory):
    """The knowledge base on all real data, built once a worker."""
    from moe_kb.kb import open_kb

    return open_kb(REPOSITORY, database=tmp_path_factory.mktemp("real") / "kb.db")
