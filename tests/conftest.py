"""Fixtures shared by all tests."""

import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode adds no test folder to the path

from trees import RECORDS, small_tree

# Times say how busy the machine is, not whether the code is right.
settings.register_profile("untimed", deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _private_folders(tmp_path_factory, monkeypatch):
    """No test touches the person's cache, runs or chosen tree."""
    base = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("XDG_CACHE_HOME", str(base / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(base / "data"))
    monkeypatch.delenv("MOE_KB_ROOT", raising=False)


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    """A folder with the fabricated `tree/` and its database `kb.db`, made once a worker; no test changes it."""
    from moe_kb.kb import open_kb

    folder = tmp_path_factory.mktemp("built")
    open_kb(small_tree(folder / "tree"), database=folder / "kb.db")
    return folder


@pytest.fixture
def tree(tmp_path, built) -> Path:
    """A fresh copy of the fabricated tree, free to change."""
    return shutil.copytree(built / "tree", tmp_path / "tree")  # with the times of its files, so no copy is read anew


@pytest.fixture
def database(tree, built) -> Path:
    """A fresh copy of the fabricated tree's database."""
    return shutil.copy2(built / "kb.db", tree.parent / "kb.db")


@pytest.fixture
def kb(tree, database):
    """A knowledge base on a fresh fabricated tree."""
    from moe_kb.kb import open_kb

    return open_kb(tree, database=database)


@pytest.fixture(scope="session")
def real_kb(tmp_path_factory):
    """The knowledge base on all real data, built once a worker."""
    from moe_kb.kb import open_kb

    return open_kb(RECORDS, database=tmp_path_factory.mktemp("real") / "kb.db")
