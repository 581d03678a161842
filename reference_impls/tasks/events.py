"""The stream of events that a run writes: one JSON object a line, flushed at each.

It is the only thing that a run and whoever watches it share. Schema version 1: every event has `v`, `t`
(unix seconds) and `type`, one of `start`, `progress`, `metrics`, `message`, `end`.
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

VERSION = 1
FILE_NAME = "events.jsonl"

Status = Literal["completed", "cancelled", "failed"]


class NotFiniteError(ArithmeticError):
    """A value to be written is NaN or infinite, which JSON cannot say and no reader expects."""


class EventWriter:
    """Writes events to `<folder>/events.jsonl` and passes each to `echo`; either may be absent.

    Raises:
        FileExistsError: if the folder already holds the events of another run.
    """

    def __init__(self, folder: Path | None, echo: Callable[[str], None] | None = None) -> None:
        self._echo = echo
        self._started = time.monotonic()
        self._file = None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / FILE_NAME
            if path.exists() and path.stat().st_size:
                raise FileExistsError(f"{path} holds the events of another run; choose another run directory")
            self._file = path.open("w", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def seconds(self) -> float:
        """Seconds since the writer was made."""
        return time.monotonic() - self._started

    def start(
        self,
        *,
        implementation: str,
        config: Mapping[str, Any],
        task: str,
        steps: int,
        device: str,
        threads: int,
        versions: Mapping[str, str],
        params_total: int,
        params_active: int,
        references: Mapping[str, float],
    ) -> None:
        """What is about to run. Parameters include embeddings; active ones are those that a token uses.

        `references` are scores of the headline metric that need no model, by what reaches them.
        """
        reached = "".join(f"; {name}: {value:.4g}" for name, value in references.items())
        self._write(
            "start",
            f"{implementation} on {task}: {steps} steps, {params_total:,} parameters "
            f"({params_active:,} active), {threads} threads{reached}",
            implementation=implementation,
            config=dict(config),
            task=task,
            steps=steps,
            device=device,
            threads=threads,
            versions=dict(versions),
            params_total=params_total,
            params_active=params_active,
            references=dict(references),
        )

    def progress(self, step: int, steps: int, eta_seconds: float | None) -> None:
        """Steps done, and how long the rest may take where that is known."""
        self._write("progress", None, step=step, steps=steps, seconds=self.seconds, eta_seconds=eta_seconds)

    def metrics(
        self, step: int, split: Literal["train", "valid"], values: Mapping[str, float], loads: Mapping[str, list[float]]
    ) -> None:
        """Measurements by name, and for each layer the fraction of assignments of each expert."""
        shown = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        self._write(
            "metrics",
            f"step {step:>5} {split}  {shown}",
            step=step,
            split=split,
            values=dict(values),
            loads=dict(loads),
        )

    def message(self, level: Literal["info", "warning"], text: str) -> None:
        """A line for the reader."""
        self._write("message", f"{level}: {text}", level=level, text=text)

    def end(self, status: Status, summary: Mapping[str, float], error: str | None = None) -> None:
        """The last event."""
        self._write(
            "end",
            f"{status} after {self.seconds:.1f} s" + (f": {error}" if error else ""),
            status=status,
            seconds=self.seconds,
            summary=dict(summary),
            error=error,
        )

    def _write(self, kind: str, shown: str | None, **fields: Any) -> None:
        where = _not_finite(fields)
        if where:
            raise NotFiniteError(f"{where} is not a finite number")
        if self._file is not None:
            event = {"v": VERSION, "t": time.time(), "type": kind, **fields}
            self._file.write(json.dumps(event, allow_nan=False) + "\n")
            self._file.flush()
        if self._echo is not None and shown is not None:
            self._echo(shown)


def _not_finite(value: Any, name: str = "") -> str | None:
    """The dotted name of the first number that is NaN or infinite, if any."""
    if isinstance(value, float):
        return None if math.isfinite(value) else name
    items: list[tuple[str, Any]] = []
    if isinstance(value, Mapping):
        items = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list | tuple):
        items = [(str(index), item) for index, item in enumerate(value)]
    found = (_not_finite(item, f"{name}.{key}".lstrip(".")) for key, item in items)
    return next((where for where in found if where), None)
