"""Result files: one YAML file an implementation and protocol, with every run of it.

The format is versioned and has a JSON Schema on the reader's side; a file is written whole or not at all.
"""

import os
from pathlib import Path
from typing import Any

import yaml

from reference_impls.catalogue import find

FORMAT = 1
FOLDER = Path(__file__).parent.parent / "results"


def bundled() -> list[Path]:
    """The committed result files: what the entry point of the package gives."""
    return sorted(FOLDER.rglob("*.yaml"))


def path_of(folder: Path, protocol: str, key: str) -> Path:
    """Where the results of a key under a protocol are kept: also a file that was written under an earlier key."""
    entry = find(key)
    names = (key,) if entry is None else (entry.key, *entry.aliases)
    paths = [folder / protocol / f"{name}.yaml" for name in names]
    return next((path for path in paths if path.exists()), paths[0])


def read(path: Path) -> dict[str, Any] | None:
    """A file's content; none where there is no file."""
    if not path.exists():
        return None
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def read_all(folder: Path, protocol: str) -> list[dict[str, Any]]:
    """Every file of a protocol; an earlier key in one is given as the key of today."""
    results = []
    for path in sorted((folder / protocol).glob("*.yaml")):
        content = read(path)
        if content is not None:
            entry = find(content["implementation"])
            results.append(content if entry is None else content | {"implementation": entry.key})
    return results


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
