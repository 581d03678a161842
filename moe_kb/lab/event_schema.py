"""Writes `events.schema.json`, the JSON Schema of the events: `python -m moe_kb.lab.event_schema`."""

from __future__ import annotations

import json
from pathlib import Path

from moe_kb.files import write_text

from .events import EVENT

SCHEMA_FILE = Path(__file__).with_name("events.schema.json")


def schema_text() -> str:
    """Return the schema as it should stand in the file."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Events of a run, version 1",
        "description": "Each line of a run's events.jsonl is one JSON object that meets this schema.",
        **EVENT.json_schema(),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    write_text(SCHEMA_FILE, schema_text())
