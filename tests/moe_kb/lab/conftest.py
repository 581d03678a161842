"""Homes and labs of the tests, with the fake package importable here and in the started processes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(HERE))

from fake_package.entries import entries  # noqa: E402
from lab_processes import FAST, processes_in, until  # noqa: E402

from moe_kb.lab import Lab  # noqa: E402


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(HERE)]))
    monkeypatch.delenv("MOE_KB_LAB", raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home folder; whatever a test leaves running in it is ended, and noticed if it will not end."""
    path = tmp_path / "home"
    yield path
    for process in processes_in(path):
        process.send_signal(signal.SIGKILL)
    assert until(lambda: not processes_in(path), 5), "processes were left behind"


@pytest.fixture
def open_lab(home: Path) -> Callable[[], Lab]:
    """Open a lab on the home, as a newly started app would."""
    return lambda: Lab(home, entries(), timing=FAST)


@pytest.fixture
def lab(open_lab: Callable[[], Lab]) -> Lab:
    return open_lab()
