"""Stamps of files: path, size and time of last change. They say that something may have changed; nothing is read."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FileStamp:
    """Enough to see that a file may have changed."""

    path: str
    size: int
    mtime_ns: int


def scan(root: Path) -> list[FileStamp]:
    """Every file under `data/` and `taxonomy/`, sorted by path (hidden files left out)."""
    stamps: list[FileStamp] = []
    for top in ("data", "taxonomy"):
        if (root / top).is_dir():
            stamps += _walk(str(root / top), top, left_out=())
    return sorted(stamps, key=lambda stamp: stamp.path)


def scan_code(folders: Iterable[str]) -> list[FileStamp]:
    """Every Python and YAML file of the packages in these folders; the data that a wheel bundles is left out."""
    stamps = [
        stamp
        for folder in folders
        if os.path.isdir(folder)
        for stamp in _walk(folder, folder, left_out=("_bundled", "__pycache__"))
        if stamp.path.endswith((".py", ".yaml", ".md"))
    ]
    return sorted(stamps, key=lambda stamp: stamp.path)


def installed() -> list[str]:
    """Where packages are installed, with the time of the last installation.

    Installing, updating or removing a package changes its folder. Looking up entry points would cost four times as much
    as opening the database.
    """
    found = []
    for entry in dict.fromkeys(sys.path):
        try:
            site = entry.endswith(("site-packages", "dist-packages"))
            if site or any(name.endswith((".dist-info", ".egg-info")) for name in os.listdir(entry or ".")):
                found.append(f"{os.path.abspath(entry)} {os.stat(entry or '.').st_mtime_ns}")
        except OSError:
            continue  # a zip file, or a folder that is not there
    return sorted(found)


def _walk(folder: str, relative: str, *, left_out: tuple[str, ...]) -> Iterator[FileStamp]:
    try:
        entries = os.scandir(folder)
    except OSError:  # a folder that may not be looked into: reading it gives the finding
        yield FileStamp(relative, 0, 0)
        return
    with entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name in left_out:
                continue
            path = f"{relative}/{entry.name}"
            if entry.is_dir(follow_symlinks=False) and not entry.name.endswith(".yaml"):
                yield from _walk(entry.path, path, left_out=left_out)
                continue
            try:
                stat = entry.stat()
            except OSError:  # a dangling link: reading it gives the finding
                stat = entry.stat(follow_symlinks=False)
            yield FileStamp(path, stat.st_size, stat.st_mtime_ns)
