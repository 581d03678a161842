"""Files that come from anywhere are read up to a limit; files that go somewhere are written whole or not at all."""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from moe_kb.errors import MoeKbError

#: Seconds that a pipe may take to bring all of its content.
PATIENCE = 10.0


class UnreadableError(MoeKbError):
    """What stands under a name cannot be read as a file of bounded size; `why` says why."""

    def __init__(self, path: Path, why: str) -> None:
        self.why = why
        super().__init__(f"{path} cannot be read: {why}.")


def read_bounded(path: Path, most: int, *, patience: float = PATIENCE) -> bytes:
    """All bytes of a regular file, or of a pipe until its writers close it.

    Args:
        path: The file.
        most: Bytes that it may have; of a larger one no more than that is read.
        patience: Seconds that a pipe may take.

    Raises:
        UnreadableError: A folder, a device or a socket; more than `most` bytes; a pipe that does not end in time.
        OSError: It is missing, or may not be read.
    """
    # O_NONBLOCK: opening a pipe that nobody writes would wait for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise UnreadableError(path, "it is a folder; name a file")
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            raise UnreadableError(path, "it is a device or socket; name a file")
        deadline = time.monotonic() + patience if stat.S_ISFIFO(mode) else None
        found = bytearray()
        while len(found) <= most:
            if deadline is not None and not _has_something(descriptor, deadline):
                raise UnreadableError(path, f"it is a pipe that did not end within {patience:g} seconds")
            piece = os.read(descriptor, min(1 << 20, most + 1 - len(found)))
            if not piece:
                return bytes(found)
            found += piece
    finally:
        os.close(descriptor)
    raise UnreadableError(path, f"it is larger than {most:,} bytes")


def read_text(path: Path, most: int) -> str:
    """The text of a file, as `read_bounded` reads it; raises `UnreadableError` also where it is not UTF-8."""
    try:
        return read_bounded(path, most).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableError(path, f"byte {error.start:,} is not UTF-8 text; save it as UTF-8") from None


def _has_something(descriptor: int, deadline: float) -> bool:
    """Waits until a pipe has something or its last writer has gone; false where neither comes in time."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))


@contextmanager
def replacement(target: Path, *, swept: bool = False) -> Iterator[Path]:
    """A file to be written beside `target`, which it replaces on success; on failure it vanishes.

    Whoever reads `target` sees the old content or the new one, whatever moment this process is killed at. A name that
    is a link stays one: what it leads to is replaced.

    Args:
        target: What to write; its folder is made.
        swept: Whether the caller has swept the folder (see `sweep`) and need not have it looked through again.
    """
    target = Path(os.path.realpath(target))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    # Threads of one process write at the same time too, so the process id alone is no name.
    temporary = target.with_name(f".{target.name[:40]}.{os.getpid()}.{uuid4().hex[:8]}.tmp")
    target.parent.mkdir(parents=True, exist_ok=True)
    if not swept:
        sweep(target.parent)
    try:
        yield temporary
        _sync(temporary)
        with suppress(FileNotFoundError):
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        os.replace(temporary, target)
        _sync(target.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(target: Path, text: str, *, swept: bool = False) -> None:
    """Write a text as UTF-8, whole or not at all; see `replacement`."""
    write_texts({target: text}, swept=swept)


def write_texts(texts: Mapping[Path, str], *, swept: bool = False) -> None:
    """Write several texts: none where one cannot be written, else one after the other as they are given."""
    with ExitStack() as stack:
        for target in reversed(list(texts)):  # the last one entered is the first to be put in its place
            temporary = stack.enter_context(replacement(target, swept=swept))
            temporary.write_text(texts[target], encoding="utf-8", newline="")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep(folder: Path) -> None:
    """Remove what killed processes left in a folder: files of `replacement` whose maker is gone.

    A process that is younger than the file only has the number of its maker. What cannot be looked into is left alone.
    """
    left: list[str] = []
    with suppress(OSError), os.scandir(folder) as entries:
        left += [entry.name for entry in entries if entry.name.startswith(".") and entry.name.endswith(".tmp")]
    for name in left:
        pid, _, token = name.removesuffix(".tmp").rpartition(".")
        pid = pid.rpartition(".")[2]
        file = folder / name
        if len(token) == 8 and pid.isdecimal() and not _is_its_maker(int(pid), file):
            with suppress(OSError):
                file.unlink(missing_ok=True)


def _is_its_maker(pid: int, file: Path) -> bool:
    import psutil

    try:
        # A second of slack: process times come in clock ticks, file times from another clock.
        return float(psutil.Process(pid).create_time()) <= file.stat().st_mtime + 1
    except (psutil.Error, OSError, OverflowError):
        return False
