"""What a record says to the rest of the tree: the identifiers it claims and the records it refers to.

Cross-record rules look only at these facts, so a rebuild after one changed file checks that file against the facts
of the others, as the database keeps them, without reading the others again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import get_args

from pydantic import BaseModel

from moe_kb.lookalikes import skeleton
from moe_kb.records import (
    Alignment,
    Citation,
    Crosswalk,
    Glossary,
    Model,
    Paper,
    Record,
    Source,
    Stop,
    System,
    Table,
    Taxonomy,
)
from moe_kb.records.base import Part, Placement, Relation, Resolution
from moe_kb.records.design import Usage
from moe_kb.records.identifiers import identified_in
from moe_kb.records.sublayers import Router
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


#: Schemes of identifiers, and fields whose values are addresses.
SCHEMES, ADDRESSES = ("arxiv", "doi", "openreview", "acl"), ("url", "report")


def identified(field: str, text: str) -> str | None:
    """Scheme and value of what a claim identifies; None where its field is no identifier or address.

    An address that holds no identifier stands for itself.

    >>> identified("arxiv", "2401.04088"), identified("url", "https://arxiv.org/abs/2401.04088v2")
    ('arxiv 2401.04088', 'arxiv 2401.04088')
    """
    if field in SCHEMES:
        return f"{field} {text.casefold()}"
    if field not in ADDRESSES:
        return None
    for identifier in identified_in(text):
        if identifier.startswith(("arxiv ", "doi ")):
            return identifier
    return "url " + re.sub(r"^https?://(?:www\.)?|/+$", "", text.casefold())


def addresses(record: Record) -> list[str]:
    """What the identifiers and addresses of a record identify, as `identified_in` gives it."""
    found: list[str] = []
    texts = [claim.value for claim in record.claims if claim.field in (*SCHEMES, *ADDRESSES, "repository", "code_url")]
    if isinstance(record, Paper):
        found += [f"{scheme} {value.casefold()}" for scheme, value in record.ids or () if value]
        texts += [address for _, address in record.links or () if address]
    elif isinstance(record, Source):
        texts.append(record.url or "")
    elif isinstance(record, System):
        texts.append(record.repository or "")
    found += [name for text in texts if isinstance(text, str) for name in identified_in(text)]
    return list(dict.fromkeys(found))


def normalised_title(title: str) -> str:
    """Title without case, accents, punctuation and spacing, look-alike letters as one, so that near-copies meet."""
    return re.sub(r"[\W_]+", " ", skeleton(title)).strip() or " ".join(title.split())


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
    if isinstance(record, Glossary):
        for index, term in enumerate(record.terms):
            for place, name in enumerate(term.see):
                yield Ref(("terms", index, "see", place), name)
    if isinstance(record, Crosswalk):
        for index, mapping in enumerate(record.mappings):
            yield Ref(("mappings", index, "subject"), f"node:{mapping.subject}")
            yield Ref(("mappings", index, "object"), f"node:{mapping.object}")
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
    if isinstance(value, Part):
        pointers, nested = _plan(type(value))
        for field, prefix in pointers:
            target = getattr(value, field)
            if target is not None:
                yield Ref((*at, field), prefix + target)
        if isinstance(value, Placement):
            yield Ref((*at, "node"), f"node:{value.taxonomy}:{value.node}")
        for name in nested:
            item = getattr(value, name)
            if item:
                yield from _walk(item, (*at, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, (*at, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item, (*at, key))


#: Fields of parts that refer to something, with what precedes the key to make a full name.
_POINTERS: tuple[tuple[type[Part], str, str], ...] = (
    (Citation, "source", "source:"),
    (Usage, "by", ""),
    (Resolution, "prefer", "source:"),
    (Mark, "ref", ""),
    (Router, "design", "design:"),
    (Relation, "to", ""),
    (Stop, "work", ""),
)


@cache
def _plan(kind: type[Part]) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Fields of a type that refer (with their prefix), and fields that hold other parts; the rest need no look."""
    pointers = tuple((field, prefix) for owner, field, prefix in _POINTERS if issubclass(kind, owner))
    if issubclass(kind, Taxonomy):
        pointers = ()  # a taxonomy as a whole is no configuration; `references` names its source
    return pointers, tuple(name for name, info in kind.model_fields.items() if _holds_parts(info.annotation))


def _holds_parts(annotation: object) -> bool:
    inside = get_args(annotation)
    if inside:
        return any(map(_holds_parts, inside))
    return isinstance(annotation, type) and issubclass(annotation, Part)


def parts(record: Record) -> set[str]:
    """Names that a claim's `configuration` may use."""
    if isinstance(record, Model):
        return {configuration.label for configuration in record.configurations}
    return set()
