"""The generated schemas: committed as generated, and of one mind with the record types."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from trees import FILES

from moe_kb.corpus import model_type_of
from moe_kb.jsonschema import FOLDER, TYPES, outdated_schemas, schema_text, write_schemas

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("kind", TYPES)
def test_schemas_are_valid_and_describe_every_field(kind):
    schema = json.loads(schema_text(kind))
    Draft202012Validator.check_schema(schema)
    for part in [schema, *schema["$defs"].values()]:
        assert part.get("description") or part["title"].startswith("Sourced["), part["title"]  # one text for all
        for name, field in part.get("properties", {}).items():
            says_it_all = "const" in field or "enum" in field  # which of several shapes this is
            assert field.get("description") or says_it_all, f"{part['title']}.{name}"
        assert part.get("type") != "object" or part["additionalProperties"] is False


def test_the_committed_schemas_are_as_generated():
    assert outdated_schemas(REPOSITORY / FOLDER) == [], "Run: moe-kb schema docs/schema"
    assert {path.name for path in (REPOSITORY / FOLDER).iterdir()} == {f"{kind}.schema.json" for kind in TYPES}


def test_writing_is_done_once(tmp_path):
    assert len(write_schemas(tmp_path / "schema")) == len(TYPES)
    assert write_schemas(tmp_path / "schema") == []
    (tmp_path / "schema" / "paper.schema.json").write_text("{}")
    (tmp_path / "schema" / "model.schema.json").unlink()
    assert {path.name for path in outdated_schemas(tmp_path / "schema")} == {"paper.schema.json", "model.schema.json"}


@pytest.mark.parametrize("path", FILES)
def test_an_independent_validator_accepts_the_tree(path):
    kind = next(kind for kind, model in TYPES.items() if model is model_type_of(path))
    validator = Draft202012Validator(json.loads(schema_text(kind)))
    data = yaml.safe_load(FILES[path])
    assert list(validator.iter_errors(data)) == []
    assert list(validator.iter_errors(data | {"colour": "red"})) != []
