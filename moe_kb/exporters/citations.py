"""What stands behind a value: the sources that give it, with the place in each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from moe_kb.db.reader import Reader
from moe_kb.errors import NotFoundError
from moe_kb.queries.values import claims_about
from moe_kb.records import Citation, Design, Record
from moe_kb.records.base import Note
from moe_kb.records.design import Equation, Sourced


@dataclass(frozen=True, slots=True)
class Support:
    """A place that gives a field of a record a value."""

    record: str
    """Full name."""
    configuration: str | None
    """Configuration, where the value is of one."""
    field: str
    value: str | None
    """As it is shown; None where the place supports a text or a list as a whole."""
    source: str
    locator: str | None


def support(reader: Reader, record: Record, field: str, configuration: str | None = None) -> list[Support]:
    """Every place behind a field: claims, then what the record itself cites for it.

    Args:
        reader: Of the database.
        record: The record.
        field: A claimed field (`params_total`), a property of a design (`chooser`), or a field of the record
            (`equations`, `summary`, `authors`).
        configuration: Only this configuration.

    Raises:
        NotFoundError: No source gives the field.
    """
    found = [
        Support(claim.subject, claim.configuration, field, claim.shown, claim.source, claim.locator)
        for claim in claims_about(reader, record.reference, field=field, configuration=configuration)
    ]
    if configuration is None:
        found += [
            Support(record.reference, None, field, value, citation.source, citation.locator)
            for value, citation in _cited(record, field)
        ]
    if not found:
        raise NotFoundError(f"no source gives {field!r} for {record.reference}. See: moe-kb show {record.reference}")
    return list(dict.fromkeys(found))


def _cited(record: Record, field: str) -> Iterator[tuple[str | None, Citation]]:
    """What a record cites for a field, with the value where one place gives one."""
    held = getattr(record, field, None) if field in type(record).model_fields else None
    if held is None and isinstance(record, Design) and record.properties:
        held = dict(record.properties).get(field)
    for item in held if isinstance(held, list) else [held]:
        if isinstance(item, Note):
            yield from ((None, citation) for citation in item.cites)
        elif isinstance(item, Sourced):
            value = ("yes" if item.value else "no") if isinstance(item.value, bool) else str(item.value)
            yield value, item
        elif isinstance(item, Equation):
            yield item.label, item
        elif isinstance(item, Citation):
            yield None, item
    for place in record.provenance:
        if field in place.fields:
            yield str(held) if isinstance(held, str | int) else None, place
