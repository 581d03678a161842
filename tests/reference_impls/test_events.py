import json
from pathlib import Path

import pytest

from reference_impls.tasks.events import FILE_NAME, EventWriter, NotFiniteError


def read(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / FILE_NAME).read_text().splitlines()]


def test_each_event_is_a_line_readable_at_once(tmp_path: Path):
    with EventWriter(tmp_path / "new" / "folder") as events:
        events.message("info", "two\nlines")
        assert [event["text"] for event in read(tmp_path / "new" / "folder")] == ["two\nlines"]
        events.progress(1, 3, None)
        events.metrics(1, "train", {"loss": 1.5}, {"layer 0": [0.25, 0.75]})
        events.end("completed", {"loss": 1.5})
    written = read(tmp_path / "new" / "folder")
    assert [event["type"] for event in written] == ["message", "progress", "metrics", "end"]
    assert all(event["v"] == 1 and event["t"] > 1.7e9 for event in written)
    assert written[-1]["error"] is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_is_refused_by_name_and_not_written(tmp_path: Path, bad: float):
    with EventWriter(tmp_path) as events:
        with pytest.raises(NotFiniteError, match=r"^values.loss is not a finite number$"):
            events.metrics(1, "train", {"loss": bad}, {})
        with pytest.raises(NotFiniteError, match=r"^loads.layer 0.1 is"):
            events.metrics(1, "train", {}, {"layer 0": [0.0, bad]})
        with pytest.raises(NotFiniteError, match=r"^eta_seconds is"):
            events.progress(1, 2, bad)
    assert read(tmp_path) == []


def test_two_runs_never_share_a_file(tmp_path: Path):
    with EventWriter(tmp_path) as events:
        events.message("info", "first")
    with pytest.raises(FileExistsError, match="holds the events of another run"):
        EventWriter(tmp_path)
    assert len(read(tmp_path)) == 1


def test_without_a_folder_events_are_only_told(capsys: pytest.CaptureFixture[str]):
    told: list[str] = []
    with EventWriter(None, told.append) as events:
        events.metrics(7, "valid", {"loss": 1.5}, {})
        events.progress(7, 9, 1.0)
        events.end("failed", {}, "no luck")
    assert told[0] == "step     7 valid  loss 1.5"
    assert told[1].startswith("failed after 0.0 s: no luck")
    assert len(told) == 2
