"""The checks before a launch, on machines of every size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import pytest
from fake_package.entries import DemoConfig, DemoEntry, DemoEstimate
from pydantic import BaseModel, Field, model_validator

from moe_kb.lab import Hardware, Preflight
from moe_kb.lab.preflight import GIB, Situation, preflight

MACHINE = Hardware("A processor", 2, 2, 8 * GIB, 4 * GIB, "3.11.7", "2.13.0", ())
FINE = Situation(MACHINE, disk_free=50 * GIB, running=0, queued=0, max_seconds=3600)


def rules(checked: Preflight) -> list[tuple[str, str]]:
    return [(finding.severity, finding.rule) for finding in checked.findings]


def test_nothing_to_say_when_all_is_well() -> None:
    checked = preflight(DemoEntry(), {}, FINE)
    assert checked.ok
    assert checked.findings == ()
    assert checked.config == {"behaviour": "ok", "steps": 3, "pause": 0.0, "memory_mib": 10}
    assert checked.estimate.params_active == 250


@pytest.mark.parametrize(
    ("gib", "running", "expected"),
    [
        (3, 0, []),
        (5, 0, [("error", "memory-available")]),
        (5, 1, [("warning", "memory-available")]),
        (7.5, 1, [("error", "memory-total")]),
        (900, 0, [("error", "memory-total")]),
    ],
)
def test_memory_must_fit(gib: float, running: int, expected: list[tuple[str, str]]) -> None:
    checked = preflight(DemoEntry(), {"memory_mib": int(gib * 1024)}, replace(FINE, running=running))
    assert rules(checked) == expected


@pytest.mark.parametrize(
    ("free", "expected"), [(GIB, [("warning", "disk-space")]), (GIB // 10, [("error", "disk-space")]), (3 * GIB, [])]
)
def test_disk_must_have_room(free: int, expected: list[tuple[str, str]]) -> None:
    assert rules(preflight(DemoEntry(), {}, replace(FINE, disk_free=free))) == expected


def test_torch_must_be_there() -> None:
    checked = preflight(DemoEntry(), {}, replace(FINE, hardware=replace(MACHINE, torch=None)))
    assert rules(checked) == [("error", "torch-missing")]
    assert "pip install torch" in checked.findings[0].fix


class Grouped(BaseModel):
    experts: int = Field(16, ge=1, le=64)
    groups: int = Field(4, ge=1, le=64)
    chosen: int = Field(2, ge=1)
    order: Literal["early", "late"] = "late"

    @model_validator(mode="after")
    def _fits(self) -> Grouped:
        if self.experts % self.groups:
            raise ValueError(f"experts = {self.experts} must be a multiple of groups = {self.groups}")
        if self.chosen > self.groups:
            raise ValueError(f"chosen = {self.chosen} must be at most groups = {self.groups}")
        if self.order == "early" and self.chosen == 1:
            raise ValueError("order cannot be early with one chosen")
        return self


@pytest.mark.parametrize(("given", "repairs"), [
    ({"experts": 15}, {"experts": (12, 16), "groups": (3, 5)}),
    ({"experts": 64, "groups": 64, "chosen": 100}, {"chosen": (64,)}),
    ({"experts": 1, "chosen": 1, "groups": 1, "order": "early"}, {"order": ("late",)}),
    ({"experts": 0}, {"experts": (4,)}), ({"experts": 99}, {"experts": (64,)}),
    ({"order": "never"}, {"order": ("early", "late")}),
])  # fmt: skip
def test_a_wrong_setting_comes_with_right_values(given: dict[str, Any], repairs: dict[str, Any]) -> None:
    entry = replace(DemoEntry(), config_class=Grouped)
    (finding,) = preflight(entry, given, FINE).findings
    assert finding.repairs == repairs
    assert "Value error" not in finding.message
    for name, values in finding.repairs.items():
        assert all(preflight(entry, {**given, name: value}, FINE).config for value in values)


def test_a_run_longer_than_its_limit_is_warned_of() -> None:
    checked = preflight(DemoEntry(), {"steps": 100, "pause": 10}, replace(FINE, max_seconds=60))
    assert checked.ok
    assert rules(checked) == [("warning", "time-limit")]


def test_a_full_queue_takes_no_more() -> None:
    assert rules(preflight(DemoEntry(), {}, replace(FINE, queued=50))) == [("error", "queue-full")]


class Odd(BaseModel):
    experts: int = Field(4, ge=1)
    chosen: int = 2
    scale: float = 1.0
    note: str = ""

    @model_validator(mode="after")
    def chosen_among_experts(self) -> Odd:
        if self.chosen > self.experts:
            raise ValueError("chosen must not exceed experts")
        if self.note == "explode":
            raise RuntimeError("boom")
        return self


class OddEntry(DemoEntry):
    def estimate(self, config: Any) -> Any:
        if config.note == "cannot":
            raise ArithmeticError("too wide")
        return None if config.note == "nothing" else DemoEstimate(1, 1.0)


@pytest.mark.parametrize(
    ("config", "place", "rule", "told"),
    [
        ({"chosen": 5}, "config", "value-error", "chosen must not exceed experts"),
        ({"note": "explode"}, "config", "config-check-fails", "boom"),
        ({"note": "cannot"}, "estimate", "estimate-fails", "too wide"),
        ({"note": "nothing"}, "estimate", "estimate-fails", "NoneType"),
        ({"scale": float("inf")}, "config", "not-json", "Out of range float"),
        ({"note": "x" * 70_000}, "config", "config-too-large", "70"),
        ({1: 2}, "config.1", "unknown-field", "no such setting"),
    ],
)
def test_whatever_the_implementation_raises_is_a_finding(
    config: dict[Any, Any], place: str, rule: str, told: str
) -> None:
    checked = preflight(OddEntry(config_class=Odd), config, FINE)
    assert not checked.ok
    finding = checked.findings[0]
    assert (finding.place, finding.rule) == (place, rule)
    assert told in finding.message


def test_a_model_with_a_changed_field_is_checked_again() -> None:
    config = DemoConfig()
    config.steps = -5
    assert [finding.place for finding in preflight(DemoEntry(), config, FINE).findings] == ["config.steps"]
