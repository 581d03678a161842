"""A tree in which every name and title is an attack: each page renders, and nothing of it acts."""

import json
import re
from pathlib import Path

import pytest
import yaml
from svgs import foreign_to_svg
from trees import FILES

NAMES = ("name", "title", "label", "text", "note", "description")
LINK = '<a href="https://evil.example">click</a>'
PAGES = {
    "overview": {},
    "taxonomy": {},
    "papers": {},
    "designs": {},
    "models": {"show": "chart"},
    "trends": {},
    "trade_offs": {},
    "size": {},
    "systems": {"show": "stars"},
    "evidence": {},
    "query": {"sql": f"SELECT name AS '{LINK}', year FROM papers", "show": "chart"},
    "paper": {"key": "beta"},
    "design": {"key": "alpha-router"},
    "compare": {"keys": "alpha-router,beta-router"},
    "compare models": {"kind": "model", "keys": "alpha,alpha|1B,evil"},
    "model": {"key": "alpha"},
}


def poisoned(value: object, name: str = "") -> object:
    if isinstance(value, dict):
        return {key: poisoned(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [poisoned(inner, name) for inner in value]
    return f"{value} {LINK}" if name in NAMES and isinstance(value, str) else value


#: What other records name by its exact words.
LEFT = {"data/tables/": "columns", "data/models/": "configurations"}


@pytest.fixture
def hostile(sizable: Path, tree: Path) -> Path:
    for path in FILES:
        if path.startswith(
            ("data/papers/", "data/designs/", "data/models/", "data/systems/", "data/tables/", "taxonomy/")
        ):
            record = yaml.safe_load((tree / path).read_text())
            attack = poisoned(record)
            for folder, field in LEFT.items():
                if path.startswith(folder):
                    attack[field] = record[field]
            (tree / path).write_text(yaml.safe_dump(attack, sort_keys=False, allow_unicode=True))
    return tree


@pytest.mark.parametrize("name", PAGES)
def test_pages_show_hostile_names_as_text(open_page, hostile, name):
    at = open_page(name.partition(" ")[0], **PAGES[name])
    assert not at.error, "the hostile tree was refused"
    for chart in at.get("plotly_chart"):
        said = chart.proto.spec or chart.proto.figure.spec
        said = json.dumps(json.loads(said))  # Plotly writes brackets as codes
        assert not re.search(r"<\s*/?a\b", said, re.IGNORECASE)
    for component in at.get("bidi_component"):
        data = json.loads(component.proto.json)
        for drawn in (*data.get("items", ()), data.get("saved") or {}):  # other components draw nothing
            for form in {"svg", "wide", "saved"} & set(drawn):
                assert foreign_to_svg(drawn[form]) == []
    for markdown in (*at.markdown, *at.caption, *at.error, *at.info):
        assert not re.search(r"(?<!\\)<a\b", markdown.value)
