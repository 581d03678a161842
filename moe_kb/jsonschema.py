"""JSON Schema of every kind of file, generated from the record types: for editors and for other tools."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

from moe_kb.records import RECORD_TYPES, Alignment, Crosswalk, Taxonomy, Waivers

#: Where the checkout keeps the generated schemas.
FOLDER = "docs/schema"

TYPES: dict[str, type[BaseModel]] = {
    **RECORD_TYPES,
    "alignment": Alignment,
    "waivers": Waivers,
    "taxonomy": Taxonomy,
    "crosswalk": Crosswalk,
}


def schema_text(kind: str) -> str:
    """The schema of a kind, as it is committed."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **TYPES[kind].model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=False) + "\n"


def write_schemas(folder: Path) -> list[Path]:
    """Write every schema; returns the files that changed."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = []
    for kind in TYPES:
        path = folder / f"{kind}.schema.json"
        text = schema_text(kind)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def outdated_schemas(folder: Path) -> list[Path]:
    """Schemas that are missing or not as the record types say."""
    found = []
    for kind in TYPES:
        path = folder / f"{kind}.schema.json"
        if not path.is_file() or path.read_text(encoding="utf-8") != schema_text(kind):
            found.append(path)
    return found
