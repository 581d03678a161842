"""The catalogue: found through real installed metadata, with broken packages left out and named."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fake_package.entries import DemoConfig, DemoEntry, entries

from moe_kb.db.installed import installed_implementations
from moe_kb.lab import GROUP, Entry, Lab, UnknownImplementationError
from moe_kb.lab.catalogue import catalogue_of, installed_catalogue


def install(folder: Path, name: str, points: dict[str, str], source: str = "") -> None:
    """Put a package with entry points where importlib finds it, as an installer would."""
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{point} = {target}" for point, target in points.items()]
    (metadata / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]))
    (folder / f"{name}.py").write_text(source)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to install into, the only one that has entry points of the group."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder), *(place for place in sys.path if "site-packages" not in place)])
    return folder


DEMO = "from fake_package.entries import DemoEntry\n"


def test_an_installed_package_is_found(site: Path) -> None:
    install(site, "found_one", {"one": "found_one:entries"}, DEMO + "def entries(): return (DemoEntry(),)")
    found = installed_catalogue()
    assert [entry.key for entry in found.entries if entry.module == "fake_package"] == ["demo"]
    assert not [problem for problem in found.problems if "found_one" in problem.place]
    lab = Lab(site / "home")
    assert lab.entry("demo").name == "Demo"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import no_such_thing_at_all", "ModuleNotFoundError"),
        ("raise SystemExit(3)", "SystemExit"),
        ("def entries(): return 1 / 0", "ZeroDivisionError"),
        ("def other(): return ()", "AttributeError"),
        ("def entries(): return 5", "TypeError"),
        ("def entries(:", "SyntaxError"),
    ],
)
def test_a_broken_package_costs_only_itself(site: Path, source: str, told: str) -> None:
    name = f"broken_{told.lower()}"
    install(site, "working", {"working": "working:entries"}, DEMO + "def entries(): return (DemoEntry(),)")
    install(site, name, {"broken": f"{name}:entries"}, source)
    found = installed_catalogue()
    assert "demo" in [entry.key for entry in found.entries]
    (problem,) = [problem for problem in found.problems if name in problem.place]
    assert (problem.severity, problem.rule) == ("error", "entry-point-fails")
    assert told in problem.message


def test_the_database_holds_what_the_catalogue_holds(site: Path) -> None:
    install(site, "whole", {"whole": "whole:entries"}, DEMO + "def entries(): return (DemoEntry(),)")
    install(site, "half", {"half": "half:entries"}, "class Half: key = 'half'\ndef entries(): return (Half(),)")
    install(site, "leaver", {"leaver": "leaver:entries"}, "raise SystemExit(3)")
    rows = installed_implementations()
    assert "demo" in [row["key"] for row in rows]
    assert "half" not in [row["key"] for row in rows]
    assert {frozenset(row) for row in rows} == {
        frozenset(("key", "name", "status", "summary", "designs", "verified_against", "snippet", "code"))
    }


def test_the_first_entry_point_by_name_wins_a_key(site: Path) -> None:
    for name in ("twin_b", "twin_a"):
        source = DEMO + f"def entries(): return (DemoEntry(name='of {name}'),)"
        install(site, name, {name: f"{name}:entries"}, source)
    found = installed_catalogue()
    assert [entry.name for entry in found.entries if entry.key == "demo"] == ["of twin_a"]
    (problem,) = [problem for problem in found.problems if problem.rule == "duplicate-key"]
    assert problem.place == "entry point twin_b, entry demo"
    assert "entry point twin_a" in problem.message


def test_entries_at_hand_are_sorted_and_checked() -> None:
    found = catalogue_of([DemoEntry(key="b"), DemoEntry(key="a"), *entries()])
    assert [entry.key for entry in found.entries] == ["a", "b", "demo"]
    assert all(isinstance(entry, Entry) for entry in found.entries)
    assert found.problems == ()
    with pytest.raises(UnknownImplementationError, match="Choose one of: a, b, demo"):
        found.entry("c")
    with pytest.raises(UnknownImplementationError, match="no package provides one"):
        catalogue_of([]).entry("c")


def test_an_alias_finds_its_entry() -> None:
    class Renamed(DemoEntry):
        aliases = ("old", "demo")

    found = catalogue_of([Renamed(key="new"), *entries()])
    assert found.entry("old").key == found.current_key("old") == "new"
    assert found.entry("demo").key == "demo"
    assert found.current_key("gone") == "gone"


class Raising:
    key = "raising"

    @property
    def name(self) -> str:
        raise ValueError("no name today")


class Leaving:
    key = "leaving"

    @property
    def name(self) -> str:
        raise SystemExit(3)


class Nameless:
    @property
    def key(self) -> str:
        raise KeyError("no key today")


@pytest.mark.parametrize(
    ("offer", "told"),
    [
        (replace(DemoEntry(), key="../up"), "`key`"),
        (replace(DemoEntry(), key=""), "`key`"),
        (replace(DemoEntry(), module="os; import evil"), "`module`"),
        (replace(DemoEntry(), status="perhaps"), "`status`"),
        (replace(DemoEntry(), tasks="text"), "`tasks`"),  # type: ignore[arg-type]
        (replace(DemoEntry(), config_class=dict), "`config_class`"),  # type: ignore[arg-type]
        (replace(DemoEntry(), config_class=DemoConfig()), "`config_class`"),  # type: ignore[arg-type]
        (replace(DemoEntry(), page=None), "`page`"),  # type: ignore[arg-type]
        (object(), "`key`"),
        (None, "`key`"),
        (Raising(), "no name today"),
        (Leaving(), "SystemExit"),
        (Nameless(), "KeyError"),
    ],
)
def test_an_entry_that_breaks_the_contract_is_left_out_and_told(offer: object, told: str) -> None:
    found = catalogue_of([offer, DemoEntry()])  # type: ignore[list-item]
    assert [entry.key for entry in found.entries] == ["demo"]
    (problem,) = found.problems
    assert problem.rule == "contract"
    assert told in problem.message
