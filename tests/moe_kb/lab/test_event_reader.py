"""The reader of the events file: whole lines, half lines, broken lines, and lines that never end."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moe_kb.lab import EventBatch, Message
from moe_kb.lab import events as events_module
from moe_kb.lab.events import BATCH, MAX_LINE, MAX_PROBLEMS, find_end, read_events

MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def message(text: str) -> bytes:
    return json.dumps({"v": 1, "t": 1.0, "type": "message", "level": "info", "text": text}).encode() + b"\n"


def end(status: str) -> bytes:
    fields = {"v": 1, "t": 1.0, "type": "end", "status": status, "seconds": 2, "summary": {}, "error": None}
    return json.dumps(fields).encode() + b"\n"


def read_all(path: Path) -> EventBatch:
    batch = read_events(path)
    events, problems = list(batch.events), list(batch.problems)
    while batch.more:
        batch = read_events(path, batch.offset)
        events += batch.events
        problems += batch.problems
    return EventBatch(tuple(events), tuple(problems), batch.offset, batch.pending, False)


def texts(batch: EventBatch) -> list[str]:
    return [event.text for event in batch.events if isinstance(event, Message)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def test_no_file_is_no_events(path: Path) -> None:
    assert read_events(path) == EventBatch((), (), 0, 0, False)


def test_a_half_written_line_waits_for_its_other_half(path: Path) -> None:
    whole = message("first") + message("second")
    path.write_bytes(whole[:-10])
    batch = read_events(path)
    assert texts(batch) == ["first"]
    assert batch.problems == ()
    assert batch.pending == len(message("second")) - 10
    path.write_bytes(whole)
    rest = read_events(path, batch.offset)
    assert (texts(rest), rest.offset, rest.pending) == (["second"], len(whole), 0)


def test_a_bad_line_is_named_by_its_number_also_far_into_the_file(path: Path) -> None:
    path.write_bytes(message("a") * 40 + b"{oops\n" + message("b"))
    batch = read_events(path, len(message("a")) * 30)
    assert [problem.line for problem in batch.problems] == [41]
    assert str(batch.problems[0]).startswith("events.jsonl line 41: ")
    assert texts(batch)[-1] == "b"


@pytest.mark.parametrize(
    ("line", "rule", "told"),
    [
        (b"nonsense", "not-json", "Invalid JSON"),
        (b"\xff\xfe", "not-json", "Invalid JSON"),
        (b"[" * 100_000, "not-json", "recursion"),
        (b"3", "not-an-event", ""),
        (b"{}", "not-an-event", "type"),
        (b'{"v":1,"t":1,"type":"party"}', "not-an-event", "'party'"),
        (b'{"v":2,"t":1,"type":"message","level":"info","text":""}', "not-an-event", "message.v"),
        (b'{"v":1,"t":"1","type":"message","level":"info","text":""}', "not-an-event", "message.t"),
        (b'{"v":1,"t":NaN,"type":"message","level":"info","text":""}', "not-an-event", "finite"),
        (b'{"v":1,"t":1,"type":"message","level":"info","text":"","x":1}', "not-an-event", "message.x"),
        (
            b'{"v":1,"t":1,"type":"metrics","step":1,"split":"train","values":{"loss":Infinity},"loads":{}}',
            "not-an-event",
            "metrics.values.loss",
        ),
    ],
)
def test_what_is_not_an_event_is_told_with_the_reason(path: Path, line: bytes, rule: str, told: str) -> None:
    path.write_bytes(line + b"\n" + message("after"))
    batch = read_events(path)
    assert texts(batch) == ["after"]
    (problem,) = batch.problems
    assert (problem.line, problem.rule) == (1, rule)
    assert told in problem.message
    assert len(problem.message) <= 500


@pytest.mark.parametrize("length", [MAX_LINE, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH + 5])
def test_a_line_too_long_is_passed_over_once_it_ends(path: Path, length: int) -> None:
    path.write_bytes(message("before") + b"x" * length)
    growing = read_all(path)
    assert (texts(growing), growing.problems, growing.pending) == (["before"], (), length)
    with path.open("ab") as file:
        file.write(b"\n" + message("after") + b"bad\n")
    rest = read_all(path)
    assert texts(rest) == ["before", "after"]
    assert [(problem.line, problem.rule) for problem in rest.problems] == [(2, "line-too-long"), (4, "not-json")]
    assert rest.offset == path.stat().st_size


def test_a_file_too_large_is_read_up_to_the_limit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = message("a")
    monkeypatch.setattr(events_module, "MAX_FILE", 10 * len(line))
    path.write_bytes(line * 12)
    batch = read_events(path)
    assert len(batch.events) == 10
    assert [problem.rule for problem in batch.problems] == ["file-too-large"]
    assert batch.pending == 2 * len(line)


def test_a_file_larger_than_a_batch_comes_in_batches(path: Path) -> None:
    lines = [message(f"{index}" + "x" * 50_000) for index in range(200)]
    path.write_bytes(b"".join(lines))
    first = read_events(path)
    assert first.more
    assert first.offset <= BATCH
    assert len(read_all(path).events) == 200


def test_many_bad_lines_come_in_batches(path: Path) -> None:
    path.write_bytes(b"?\n" * 250)
    first = read_events(path)
    assert (len(first.problems), first.more, first.offset) == (MAX_PROBLEMS, True, 2 * MAX_PROBLEMS)
    assert [problem.line for problem in read_all(path).problems] == list(range(1, 251))


@pytest.mark.parametrize("offset", [-1, 10**12])
def test_an_offset_outside_the_file_starts_again(path: Path, offset: int) -> None:
    path.write_bytes(message("a"))
    assert texts(read_events(path, offset)) == ["a"]


def test_links_pipes_and_folders_are_not_opened(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(message("secret"))
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(target)
    os.mkfifo(pipe)
    for path in (link, pipe, tmp_path):
        assert read_events(path) == EventBatch((), (), 0, 0, False)
        assert find_end(path) is None


def test_the_end_is_found_without_reading_the_whole_file(path: Path) -> None:
    assert find_end(path) is None
    path.write_bytes(message("a") * 50_000 + end("completed"))
    found = find_end(path)
    assert found.status == "completed"
    path.write_bytes(end("failed") + b'{"type": "end" broken\n' + end("completed")[:-1])
    found = find_end(path)
    assert found.status == "failed", "a broken or half-written end is none"


PIECES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from([b"\n", b"\r\n", b"{}", b"null", b'{"v":1', message("a"), message("é\n"), end("failed")]),
    ),
    max_size=20,
)


@MANY
@given(pieces=PIECES)
def test_any_bytes_are_read_without_an_error_and_line_by_line(path: Path, pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    path.write_bytes(data)
    batch = read_events(path)
    whole, _, half = data.rpartition(b"\n")
    lines = [line for line in whole.split(b"\n") if line and not line.isspace()]
    assert len(batch.events) + len(batch.problems) == len(lines)
    assert (batch.offset, batch.pending) == (len(data) - len(half), len(half))
    find_end(path)


@MANY
@given(pieces=PIECES, data=st.data())
def test_a_file_read_while_it_grows_gives_the_same(path: Path, pieces: list[bytes], data: st.DataObject) -> None:
    content = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=6)))
    events, problems, offset = [], [], 0
    for cut in [*cuts, len(content)]:
        path.write_bytes(content[:cut])
        batch = read_events(path, offset)
        assert batch.offset >= offset
        offset = batch.offset
        events += batch.events
        problems += batch.problems
    at_once = read_events(path)
    assert (tuple(events), tuple(problems), offset) == (at_once.events, at_once.problems, at_once.offset)
