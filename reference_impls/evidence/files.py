"""Result files: one YAML file an implementation and protocol, with every run of it.

The format is versioned and has a JSON Schema on the reader's side; a file is written whole or not at all.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

FORMAT = 1
FOLDER = Path(__file__).parent.parent / "results"


def bundled() -> list[Path]:
    """The committed result files: what the entry point of the package gives."""
    return sorted(FOLDER.rglob("*.yaml"))


def path_of(folder: Path, protocol: str, key: str) -> Path:
    """Where the results of a key under a protocol are kept."""
    return folder / protocol / f"{key}.yaml"


def read(path: Path) -> dict[str, Any] | None:
    """A file's content; none where there is no file."""
    if not path.exists():
        return None
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def read_all(folder: Path, protocol: str) -> list[dict[str, Any]]:
    """Every file of a protocol."""
    found: Iterable[Path] = sorted((folder / protocol).glob("*.yaml"))
    return [content for path in found if (content := read(path)) is not None]


class _Plain(yaml.SafeDumper):
    """Writes a value again where it occurs again: readers refuse YAML's aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        """Always."""
        return True


def write(path: Path, content: dict[str, Any]) -> None:
    """Replace the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".tmp")
    text = yaml.dump(content, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
