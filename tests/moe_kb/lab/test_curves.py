"""Curves made of events."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_kb.lab import Curve, Metrics
from moe_kb.lab.curves import MAX_PROBLEMS_KEPT, curves_of, read_curves


def metrics(step: int, loss: float | None, layer: list[float]) -> Metrics:
    return Metrics(v=1, t=0.0, type="metrics", step=step, split="train", values={"loss": loss}, loads={"1": layer})


def test_loads_are_those_of_the_last_step_that_had_them() -> None:
    told = curves_of([metrics(1, 2.0, [1.0, 0.0]), metrics(2, None, [0.5, 0.5])])
    assert told.train["loss"] == Curve((1, 2), (2.0, None))
    assert (told.loads["1"].step, told.loads["1"].experts) == (2, (0.5, 0.5))
    assert (told.start, told.end, told.progress, told.valid) == (None, None, None, {})


@given(length=st.integers(0, 500), points=st.integers(1, 60))
def test_a_thinned_curve_is_short_even_and_keeps_its_last_point(length: int, points: int) -> None:
    curve = Curve(tuple(range(length)), tuple(float(step) for step in range(length)))
    thin = curve.thinned(points)
    assert len(thin.steps) <= points
    assert thin.steps[-1:] == curve.steps[-1:]
    assert len({b - a for a, b in zip(thin.steps, thin.steps[1:], strict=False)}) <= 1
    assert thin.values == thin.steps


def test_reading_a_file_full_of_garbage_keeps_the_first_problems(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"?\n" * 1000 + metrics(1, 1.0, []).model_dump_json().encode() + b"\n")
    told = read_curves(path)
    assert [problem.line for problem in told.problems] == list(range(1, MAX_PROBLEMS_KEPT + 1))
    assert told.train["loss"].values == (1.0,)
    assert read_curves(tmp_path / "none").train == {}


@pytest.mark.parametrize("points", [1, 10])
def test_the_number_of_points_is_chosen_by_the_reader(points: int) -> None:
    told = curves_of([metrics(step, 1.0, []) for step in range(100)], max_points=points)
    assert len(told.train["loss"].steps) == points
