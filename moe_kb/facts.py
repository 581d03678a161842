"""What a record says to the rest of the tree: the identifiers it claims and the records it refers to.

Cross-record rules look only at these facts, so a rebuild after one changed file checks that file against the facts
of the others, as the database keeps them, without reading the others again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel

from moe_kb.records import (
    Alignment,
    Citation,
    Crosswalk,
    Design,
    Model,
    Paper,
    Provenance,
    Record,
    Source,
    System,
    Table,
    Taxonomy,
)
from moe_kb.records.architecture import Architecture, Router
from moe_kb.records.base import Placement, Resolution
from moe_kb.records.design import Usage
from moe_kb.records.table import Mark

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference found in a record."""

    at: Path
    """Where it stands in the file."""
    to: str
    """Full name of what it refers to: `kind:key`, or `node:taxonomy:path`."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """Something that only one record of a kind may have."""

    at: Path
    scheme: str
    value: str


def identifiers(record: Record) -> Iterator[Identifier]:
    """Identifiers of a record that must be unique across the tree."""
    if isinstance(record, Paper):
        yield Identifier(("title",), "title", normalised_title(record.title))
        if record.ids:
            for scheme, value in record.ids.model_dump(exclude_none=True).items():
                yield Identifier(("ids", scheme), scheme, value.lower())


def normalised_title(title: str) -> str:
    """Title without case, accents of punctuation and spacing, so that near-copies meet."""
    return re.sub(r"[^0-9a-z]+", " ", title.casefold()).strip()


def references(record: BaseModel) -> Iterator[Ref]:
    """Every reference of a record (or taxonomy, crosswalk, alignment) to records and nodes."""
    yield from _walk(record, ())
    kind = record.KIND if isinstance(record, Record) else None
    if isinstance(record, Record) and record.superseded_by:
        yield Ref(("superseded_by",), f"{kind}:{record.superseded_by}")
    if isinstance(record, (Model, System)):
        for index, key in enumerate(record.papers):
            yield Ref(("papers", index), f"paper:{key}")
    if isinstance(record, Source) and record.paper:
        yield Ref(("paper",), f"paper:{record.paper}")
    if isinstance(record, Table):
        yield Ref(("source",), f"source:{record.source}")
    if isinstance(record, Taxonomy):
        yield Ref(("source",), f"source:{record.source}")
    if isinstance(record, Crosswalk):
        for index, crossing in enumerate(record.crossings):
            yield Ref(("crossings", index, "subject"), f"node:{crossing.subject}")
            yield Ref(("crossings", index, "object"), f"node:{crossing.object}")
    if isinstance(record, Alignment):
        for index, row in enumerate(record.rows):
            yield Ref(("rows", index, "table"), f"table:{row.table}")
            if row.subject:
                yield Ref(("rows", index, "subject"), row.subject)
        for index, config in enumerate(record.configs):
            yield Ref(("configs", index, "source"), f"source:{config.source}")
            if config.subject:
                yield Ref(("configs", index, "subject"), config.subject)


def _walk(value: object, at: Path) -> Iterator[Ref]:
    """References inside the parts of a record, found by the type of the part."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, (BaseModel, list)):
                yield from _walk(item, (*at, index))
        return
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, (BaseModel, list, dict)):
                yield from _walk(item, (*at, key))
        return
    if not isinstance(value, BaseModel):
        return
    if isinstance(value, Citation) and not isinstance(value, Taxonomy):
        yield Ref((*at, "source"), f"source:{value.source}")
    if isinstance(value, Placement):
        yield Ref((*at, "node"), f"node:{value.taxonomy}:{value.node}")
    elif isinstance(value, Usage):
        yield Ref((*at, "by"), value.by)
    elif isinstance(value, Resolution):
        yield Ref((*at, "prefer"), f"source:{value.prefer}")
    elif isinstance(value, Mark) and value.ref:
        yield Ref((*at, "ref"), value.ref)
    elif isinstance(value, Router) and value.design:
        yield Ref((*at, "design"), f"design:{value.design}")
    relation_to = getattr(value, "to", None)
    if isinstance(relation_to, str):
        yield Ref((*at, "to"), relation_to)
    for name, item in value.__dict__.items():
        if isinstance(item, (BaseModel, list, dict)):
            yield from _walk(item, (*at, name))


def parts(record: Record) -> set[str]:
    """Names that a claim's `part` may use."""
    if isinstance(record, Model):
        return {configuration.label for configuration in record.configurations}
    return set()


__all__ = [
    "Architecture",
    "Design",
    "Identifier",
    "Provenance",
    "Ref",
    "identifiers",
    "normalised_title",
    "parts",
    "references",
]
