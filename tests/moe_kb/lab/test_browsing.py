"""The catalogue as the laboratory shows it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from moe_kb.lab import Details, browsing, details, form_fields
from moe_kb.lab.catalogue import installed_catalogue


class Config(BaseModel):
    task: Literal["text", "clusters"] = "text"
    steps: int = Field(1, json_schema_extra={"group": "run"})
    width: int = Field(1, json_schema_extra={"group": "model"})
    bytes: int = Field(1, json_schema_extra={"group": "text"})
    points: int = Field(1, json_schema_extra={"group": "clusters"})
    k: int = Field(1, json_schema_extra={"group": "routing"})
    free: int = 0


def entry(key: str, **more: object) -> SimpleNamespace:
    told = {
        "name": key.title(), "summary": f"What {key} does.", "designs": (), "papers": (), "status": "complete",
        "tasks": ("text",), "config_class": Config,
    }  # fmt: skip
    return SimpleNamespace(key=key, **told | more)


ENTRIES = [
    entry("late", family="token choice", year=2024),
    entry("early", family="token choice", year=2017, status="partial"),
    entry("blend", family="soft", year=2023, tasks=("digits",)),
    entry("strange", family="a family of their own"),
    entry("plain"),
]


def keys(text: str = "", wanted: tuple[str, ...] = ()) -> dict[str, list[str]]:
    return {family: [e.key for e in found] for family, found in browsing.search(ENTRIES, text, wanted).items()}


def test_entries_stand_by_family_and_year_and_those_without_come_last():
    assert list(keys().items()) == [
        ("token choice", ["early", "late"]),
        ("soft", ["blend"]),
        ("a family of their own", ["strange"]),
        ("others", ["plain"]),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [("LATE", "late"), ("2017", "early"), ("partial", "early"), ("digits", "blend"), ("soft what", "blend")],
)
def test_every_word_must_be_said(text, found):
    assert [key for members in keys(text).values() for key in members] == [found]


def test_families_can_be_chosen():
    assert list(keys("", ("soft", "others"))) == ["soft", "others"]
    assert keys("nothing of this kind") == {}


def test_what_is_beyond_the_contract_is_optional_and_never_trusted():
    class Broken:
        family = 7
        year = True
        gap = ""

        @property
        def causal(self) -> str:
            raise RuntimeError("not ours")

    assert details(Broken()) == Details()
    assert details(ENTRIES[0]) == Details("token choice", 2024)
    assert browsing.choice_label(ENTRIES[0]) == "Late · 2024 · token choice"
    assert browsing.choice_label(ENTRIES[-1]) == "Plain"


def test_leaks_are_named():
    assert browsing.causality(Details(causal="yes")) is None
    assert browsing.causality(Details()) is None
    assert browsing.causality(Details(causal="no")) == "not causal: later tokens can reach earlier ones"
    assert "only where nothing is dropped" in str(browsing.causality(Details(causal="where nothing is dropped")))


def test_settings_of_other_tasks_are_not_shown_and_the_designs_own_come_first():
    fields = form_fields(Config)
    assert browsing.task_field(fields).choices == ("text", "clusters")
    shown = browsing.groups(fields, "clusters", {"text", "clusters", "digits"})
    assert {group: [field.name for field in members] for group, members in shown.items()} == {
        "routing": ["k"], "model": ["width"], "": ["free"], "clusters": ["points"], "run": ["steps"],
    }  # fmt: skip
    assert list(shown)[:2] == ["routing", "model"]
    assert list(shown)[-1] == "run"


def test_a_class_without_tasks_shows_everything():
    class Simple(BaseModel):
        task: str = "anything"
        text: int = Field(1, json_schema_extra={"group": "text"})

    fields = form_fields(Simple)
    assert browsing.task_field(fields) is None
    assert "text" in browsing.groups(fields, None, {"text"})


def test_every_installed_implementation_has_a_known_family():
    for entry in installed_catalogue().entries:
        assert browsing.family_of(entry) in browsing.FAMILIES, entry.key
