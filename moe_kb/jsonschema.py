"""JSON Schema of every kind of file, generated from the record types: for editors and for other tools."""

from __future__ import annotations

import ast
import inspect
import json
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from moe_kb.files import read_text, write_text
from moe_kb.records import (
    RECORD_TYPES,
    Alignment,
    Crosswalk,
    Glossary,
    Guide,
    Organisations,
    Routes,
    ShortForms,
    Taxonomy,
    Waivers,
)

#: Bytes of a schema; the largest has some hundred thousand.
MAX_BYTES = 4_000_000
#: Where the checkout keeps the generated schemas.
FOLDER = "docs/schema"

TYPES: dict[str, type[BaseModel]] = {
    **RECORD_TYPES,
    "alignment": Alignment,
    "waivers": Waivers,
    "organisations": Organisations,
    "glossary": Glossary,
    "routes": Routes,
    "short-forms": ShortForms,
    "guide": Guide,
    "taxonomy": Taxonomy,
    "crosswalk": Crosswalk,
}


def field_docs(record_type: type[BaseModel]) -> dict[str, str]:
    """The docstrings of a type's fields, as they stand under each in the source."""
    docs: dict[str, str] = {}
    for parent in reversed(record_type.__mro__):
        if parent.__module__.startswith("moe_kb."):
            docs |= _module_docs(parent.__module__).get(parent.__name__.partition("[")[0], {})
    return docs


@cache
def _module_docs(module: str) -> dict[str, dict[str, str]]:
    """Docstrings of fields by class and field; a docstring is a text that follows a field."""
    source = inspect.getsource(sys.modules[module])
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    return {
        node.name: {
            field.target.id: inspect.cleandoc(text.value.value)
            for field, text in pairwise(node.body)
            if isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        }
        for node in classes
    }


class _Documented(GenerateJsonSchema):
    """Adds the docstrings of fields as descriptions."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        json_schema = super().model_schema(schema)
        docs = field_docs(schema["cls"])
        for name, field in json_schema.get("properties", {}).items():
            if name in docs:
                field.setdefault("description", docs[name])
        return json_schema


def schema_text(kind: str) -> str:
    """The schema of a kind, as it is committed."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **TYPES[kind].model_json_schema(schema_generator=_Documented),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=False) + "\n"


def write_schemas(folder: Path) -> list[Path]:
    """Write every schema; returns the files that changed."""
    folder.mkdir(parents=True, exist_ok=True)
    outdated = outdated_schemas(folder)
    for path in outdated:
        write_text(path, schema_text(path.name.partition(".")[0]))
    return outdated


def outdated_schemas(folder: Path) -> list[Path]:
    """Schemas that are missing or not as the record types say."""
    found = []
    for kind in TYPES:
        path = folder / f"{kind}.schema.json"
        if not path.is_file() or read_text(path, MAX_BYTES) != schema_text(kind):
            found.append(path)
    return found
