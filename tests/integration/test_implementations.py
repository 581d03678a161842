"""Implementations and records name each other, and the issue's list of what must run is complete."""

import re
from pathlib import Path

import pytest
import yaml

from reference_impls.catalogue import entries, find

pytestmark = pytest.mark.integration
DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def designs() -> dict[str, dict]:
    return {path.stem: yaml.safe_load(path.read_text()) for path in (DATA / "designs").rglob("*.yaml")}


def test_every_implementation_names_records_that_exist(designs):
    papers = {path.stem for path in (DATA / "papers").rglob("*.yaml")}
    for entry in entries():
        assert set(entry.designs) <= set(designs), entry.key
        assert set(entry.papers) <= papers, entry.key


def test_records_and_implementations_name_each_other(designs):
    named = {key: record["implementation"] for key, record in designs.items() if record.get("implementation")}
    for design, key in named.items():
        assert find(key), f"{design} names {key!r}"
        assert design in find(key).designs, f"{key} does not name {design}"
    assert set(named.values()) == {entry.key for entry in entries()}


def test_an_implementation_is_called_as_its_record(designs):
    """Laboratory, evidence and pictures call a design by one name, and its former names are found, too."""
    assert {entry.key: entry.name for entry in entries()} == {
        entry.key: designs[entry.key]["name"] for entry in entries()
    }


def test_papers_of_implementations_are_those_of_designs(designs):
    for entry in entries():
        tied = {usage["by"] for design in entry.designs for usage in designs[design].get("usages", ())}
        assert {f"paper:{paper}" for paper in entry.papers} & tied or not entry.papers, entry.key


def test_pages_cite_only_papers_of_records():
    known = {
        found[1]
        for path in [*(DATA / "papers").rglob("*.yaml"), *(DATA / "sources").rglob("*.yaml")]
        for found in re.finditer(r"arxiv(?:\.org/abs/|:\s*)'?(\d{4}\.\d{4,5})", path.read_text())
    }
    for entry in entries():
        for identifier in re.findall(r"arxiv\.org/abs/(\d{4}\.\d{4,5})", entry.page):
            assert identifier in known, f"{entry.key}: {identifier}"


def test_partial_implementations_are_few_and_say_why():
    partial = [entry for entry in entries() if entry.status == "partial"]
    assert len(partial) <= 8
    assert all(len(entry.gap) > 40 for entry in partial)
