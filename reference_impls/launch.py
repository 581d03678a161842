"""A run from start to exit status: config, signals, events, and one clear line for whatever goes wrong."""

import json
import os
import signal
import stat
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from reference_impls.config import ConfigError, check_config
from reference_impls.entry import Entry
from reference_impls.tasks.events import EventWriter

COMPLETED, FAILED, BAD_INPUT, CANCELLED = 0, 1, 2, 130

LARGEST_CONFIG_FILE = 1_000_000  # bytes


class StopRequest:
    """Becomes true on SIGTERM or SIGINT, so that the step in hand can be finished."""

    def __init__(self) -> None:
        self._asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def __call__(self) -> bool:
        """Whether someone asked."""
        return self._asked

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._asked = True


def read_config_file(path: Path) -> dict[str, Any]:
    """The fields in a JSON file.

    Raises:
        ConfigError: if it cannot be read or is not a JSON object.
    """
    try:
        # A pipe that nobody writes would wait for ever, and a device has no end.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigError(f"{path} is no regular file: not a config")
            content = file.read(LARGEST_CONFIG_FILE + 1)
        if len(content) > LARGEST_CONFIG_FILE:
            raise ConfigError(f"{path} is larger than {LARGEST_CONFIG_FILE:,} bytes: not a config")
        values = json.loads(content.decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold a JSON object of fields and values")
    return values


def run(
    entry: Entry,
    *,
    config_file: Path | None = None,
    flags: Mapping[str, Any] | None = None,
    folder: Path | None = None,
    resume: Path | None = None,
) -> int:
    """Run an implementation; returns the exit status.

    Args:
        entry: what to run.
        config_file: JSON file of fields; those absent keep their defaults.
        flags: fields that win over the file's.
        folder: where events (and checkpoints) go; without it they are only printed.
        resume: checkpoint to go on from.

    Returns:
        0 completed, 1 failed, 2 bad input, 130 cancelled. Whatever happens, the last event says so.
    """
    stop = StopRequest()
    try:
        events = EventWriter(folder, echo=lambda line: print(_visible(line), flush=True))
    except OSError as error:
        return complain(f"--run-dir: {error}")
    with events:
        try:
            fields = read_config_file(config_file) if config_file else {}
            config = check_config(entry.config_class, fields | dict(flags or {}))
        except ConfigError as error:
            events.end("failed", {}, str(error))
            return complain(str(error))
        # OpenMP's threads spin while they wait for each other. Beside other programs, an app and its browser
        # say, that halves the speed; read when torch is imported, and the user's own setting is respected.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        # Imported late: it takes seconds, and a wrong config should be reported at once.
        try:
            from reference_impls.tasks.checkpoint import CheckpointError
            from reference_impls.tasks.train import Cancelled, Trainer
        except ModuleNotFoundError as error:
            message = f"{error.name} is not installed; pip install 'moe-kb[lab]'"
            events.end("failed", {}, message)
            return complain(message, FAILED)
        trainer = None
        try:
            trainer = Trainer(entry, config, events, stop)
            trainer.run(folder, resume)
        except Cancelled:
            events.end("cancelled", trainer.summary if trainer else {})
            return CANCELLED
        except (CheckpointError, ConfigError) as error:
            events.end("failed", {}, str(error))
            return complain(str(error))
        except BaseException as error:
            traceback.print_exc()
            events.end("failed", trainer.summary if trainer else {}, _one_line(error))
            return FAILED
        events.end("completed", trainer.summary)
        return COMPLETED


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    # torch reports exhausted memory as a RuntimeError whose text is all there is to go by.
    if isinstance(error, MemoryError) or "allocate memory" in text or "out of memory" in text:
        return "out of memory: lower batch_size, sequence_length, d_model, d_expert or n_experts"
    return text if isinstance(error, ArithmeticError) else f"{type(error).__name__}: {text}"


def complain(message: str, status: int = BAD_INPUT) -> int:
    """Print an error and return the status."""
    print(f"error: {_visible(message)}", file=sys.stderr)
    return status


def _visible(text: str) -> str:
    """Text in which what would steer a terminal (in a field's or a file's name) is a code."""
    return "".join(sign if sign.isprintable() or sign in "\t\n" else ascii(sign)[1:-1] for sign in text)
