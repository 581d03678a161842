"""The kinds of records, each with the folder under `data/` that holds its files."""

from __future__ import annotations

FOLDER_BY_KIND = {
    "paper": "papers",
    "design": "designs",
    "model": "models",
    "system": "systems",
    "accelerator": "accelerators",
    "source": "sources",
    "table": "tables",
}
KIND_BY_FOLDER = {folder: kind for kind, folder in FOLDER_BY_KIND.items()}
KINDS = tuple(FOLDER_BY_KIND)
