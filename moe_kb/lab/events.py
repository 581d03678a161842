"""The events that a run writes, one JSON object a line, and the reader that follows the file as it grows.

This stream is all that the laboratory and an implementation share while a run is under way. The classes
below are the definition; `events.schema.json` is made from them for the other side's tests.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

MAX_LINE = 1024**2
"""Longest line, in bytes, newline included."""
MAX_FILE = 256 * 1024**2
"""Largest events file, in bytes; the supervisor ends a run that writes more."""
MAX_PROBLEMS = 100
"""Bad lines that one call of `read_events` takes at most."""
BATCH = 4 * 1024**2
"""Bytes that one call of `read_events` takes at most."""

Number = Annotated[float, Field(allow_inf_nan=False)]
Measure = Annotated[Number | None, Field(description="null stands for a value that is not finite")]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


class _Event(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    # Not Literal[1]: that takes true for 1, which JSON Schema does not.
    v: int = Field(ge=1, le=1, description="version of this schema")
    t: Number = Field(description="when, in seconds since 1970-01-01 UTC")


class Start(_Event):
    """The first event: what runs, and on what."""

    type: Literal["start"]
    implementation: str
    config: dict[str, JsonValue]
    task: str
    steps: Count
    device: str
    threads: Count
    versions: dict[str, str]
    params_total: Count
    params_active: Count
    references: dict[str, Number] = Field(
        default={}, description="scores of the headline metric that need no model, by what reaches them"
    )


class Progress(_Event):
    """How far the run is."""

    type: Literal["progress"]
    step: Count
    steps: Count
    seconds: Seconds = Field(description="wall-clock time since the start")
    eta_seconds: Seconds | None = Field(description="time left, null when unknown")


class Metrics(_Event):
    """What was measured at a step."""

    type: Literal["metrics"]
    step: Count
    split: Literal["train", "valid"]
    values: dict[str, Measure]
    loads: dict[str, list[Number]] = Field(
        default={}, description="for each layer, the share or number of assignments of each expert"
    )


class Message(_Event):
    """A note for the person who watches."""

    type: Literal["message"]
    level: Literal["info", "warning"]
    text: str


class End(_Event):
    """The last event."""

    type: Literal["end"]
    status: Literal["completed", "cancelled", "failed"]
    seconds: Seconds
    summary: dict[str, Measure]
    error: str | None


AnyEvent = Start | Progress | Metrics | Message | End
EVENT: TypeAdapter[AnyEvent] = TypeAdapter(Annotated[AnyEvent, Field(discriminator="type")])

_Wrong = tuple[str, str, str]  # rule, message, fix
_TOO_LONG: _Wrong = (
    "line-too-long",
    f"the line is longer than {MAX_LINE} bytes",
    "Write shorter events: fewer loads or texts in one",
)
_OVERSIZE: _Wrong = (
    "file-too-large",
    f"the file is larger than {MAX_FILE} bytes; the rest is not read",
    "Write metrics less often",
)


@dataclass(frozen=True, slots=True)
class EventProblem:
    """One line of the file that is not an event."""

    line: int
    """Counted from 1; 0 when it is about the whole file."""
    rule: str
    message: str
    fix: str

    def __str__(self) -> str:
        """Join the parts for people."""
        return f"events.jsonl line {self.line}: {self.message}. {self.fix}"


@dataclass(frozen=True, slots=True)
class EventBatch:
    """What one reading brought."""

    events: tuple[AnyEvent, ...]
    problems: tuple[EventProblem, ...]
    offset: int
    """Give this to the next reading, in bytes."""
    pending: int
    """Bytes after `offset` that are there and not read: a half-written line, or more than a batch."""
    more: bool
    """Whether another reading now would bring more."""


def open_regular(path: Path) -> BinaryIO | None:
    """Open a plain file for reading; None where there is none. A link, a pipe or a device is refused."""
    try:
        # O_NONBLOCK: opening a pipe that nobody writes would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return os.fdopen(descriptor, "rb")


def read_events(path: Path, offset: int = 0) -> EventBatch:
    """Read the whole lines after `offset`, at most `BATCH` bytes and `MAX_PROBLEMS` bad lines of them.

    Never raises for what the file contains: a line that is not an event becomes a problem with its line
    number, and the reading goes on after it. A last line without its newline waits for the next reading.
    """
    file = open_regular(path)
    if file is None:
        return EventBatch((), (), 0, 0, False)
    with file:
        size = os.fstat(file.fileno()).st_size
        if not 0 <= offset <= size:
            offset = 0  # the file is shorter than it was: it is another file, read it again
        limit = min(size, MAX_FILE)
        file.seek(offset)
        block = file.read(max(0, min(BATCH, limit - offset)))
        end = offset + block.rfind(b"\n") + 1
        if end == offset and len(block) == BATCH:  # a line longer than a batch: look for where it ends
            end = _after_next_newline(file, limit) or offset
        lines = block[: end - offset].removesuffix(b"\n").split(b"\n")
        events, bad, taken = _parse(lines)
        if taken < len(lines):
            end = offset + sum(len(line) + 1 for line in lines[:taken])
        first = _lines_before(file, offset) + 1 if bad else 0
        problems = [EventProblem(first + index, *what) for index, what in bad]
        more = taken < len(lines) or (offset < end < limit and len(block) == BATCH)
        if size > MAX_FILE and not more:
            problems.append(EventProblem(0, *_OVERSIZE))
        return EventBatch(tuple(events), tuple(problems), end, size - end, more)


def _parse(lines: list[bytes]) -> tuple[list[AnyEvent], list[tuple[int, _Wrong]], int]:
    """Return the events, the bad lines with their index, and how many lines were taken."""
    events: list[AnyEvent] = []
    bad: list[tuple[int, _Wrong]] = []
    for index, line in enumerate(lines):
        if len(bad) == MAX_PROBLEMS:
            return events, bad, index
        if len(line) >= MAX_LINE:
            bad.append((index, _TOO_LONG))
        elif line and not line.isspace():
            try:
                events.append(EVENT.validate_json(line))
            except ValidationError as error:
                bad.append((index, _wrong(error)))
    return events, bad, len(lines)


def _wrong(error: ValidationError) -> _Wrong:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    rule = "not-json" if first["type"] == "json_invalid" else "not-an-event"
    message = f"{field}: {first['msg']}" if field else first["msg"]
    return rule, message[:500], "Write one JSON object a line, as events.schema.json describes"


def _after_next_newline(file: BinaryIO, limit: int) -> int | None:
    """Return the offset after the next newline from where the file stands, or None before `limit`."""
    while block := file.read(max(0, min(BATCH, limit - file.tell()))):
        place = block.find(b"\n")
        if place >= 0:
            return file.tell() - len(block) + place + 1
    return None


def _lines_before(file: BinaryIO, offset: int) -> int:
    """Count the newlines before `offset`; asked only when a line is bad, so that readers carry one number."""
    file.seek(0)
    count = 0
    while block := file.read(min(BATCH, offset - file.tell())):
        count += block.count(b"\n")
    return count


def find_end(path: Path) -> End | None:
    """Return the last `end` event of the file, looking only at its last part."""
    file = open_regular(path)
    if file is None:
        return None
    with file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - MAX_LINE))
        lines = file.read(MAX_LINE).split(b"\n")[:-1]
    for line in reversed(lines):
        if b'"end"' in line:
            try:
                event = EVENT.validate_json(line)
            except ValidationError:
                continue
            if isinstance(event, End):
                return event
    return None
