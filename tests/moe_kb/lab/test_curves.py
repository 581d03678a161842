"""Curves made of events."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_kb.lab import Curve, Metrics
from moe_kb.lab.curves import MAX_LOADS_KEPT, MAX_PROBLEMS_KEPT, CurveReader


def metrics(step: int, loss: float | None, layer: list[float]) -> Metrics:
    return Metrics(v=1, t=0.0, type="metrics", step=step, split="train", values={"loss": loss}, loads={"1": layer})


def write(path: Path, *events: Metrics, mode: str = "a") -> None:
    with path.open(mode) as file:
        file.writelines(event.model_dump_json() + "\n" for event in events)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def test_loads_are_those_of_the_last_step_that_had_them(path: Path) -> None:
    write(path, metrics(1, 2.0, [1.0, 0.0]), metrics(2, None, [0.5, 0.5]))
    told = CurveReader(path).read()
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


def test_reading_goes_on_where_it_stopped_and_starts_again_with_a_new_file(path: Path) -> None:
    reader = CurveReader(path)
    assert reader.read().train == {}
    for step in (1, 2, 3):
        write(path, metrics(step, step / 2, []))
        assert reader.read() == CurveReader(path).read()
    assert reader.read().train["loss"].values == (0.5, 1.0, 1.5)
    write(path, metrics(9, 4.0, []), mode="w")
    assert reader.read().train["loss"] == Curve((9,), (4.0,))


def test_reading_a_file_full_of_garbage_keeps_the_first_problems(path: Path) -> None:
    path.write_bytes(b"?\n" * 1000)
    write(path, metrics(1, 1.0, []))
    told = CurveReader(path).read()
    assert [problem.line for problem in told.problems] == list(range(1, MAX_PROBLEMS_KEPT + 1))
    assert told.train["loss"].values == (1.0,)


@pytest.mark.parametrize("points", [1, 10])
def test_the_number_of_points_is_chosen_by_the_reader(path: Path, points: int) -> None:
    write(path, *(metrics(step, 1.0, []) for step in range(100)))
    told = CurveReader(path).read(max_points=points)
    assert len(told.train["loss"].steps) == points


def test_loads_in_training_are_remembered_and_thinned_in_long_runs(path: Path) -> None:
    write(path, *(metrics(step, 1.0, [float(step), 1.0]) for step in range(3 * MAX_LOADS_KEPT)))
    write(path, metrics(9999, 1.0, [7.0, 7.0]).model_copy(update={"split": "valid"}))
    history = CurveReader(path).read().load_history["1"]
    steps = [told.step for told in history]
    assert len(steps) <= MAX_LOADS_KEPT
    assert (steps[0], steps[-1]) == (0, 3 * MAX_LOADS_KEPT - 1), "the first and the last stay; validation is apart"
    assert steps == sorted(set(steps))
