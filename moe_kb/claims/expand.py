"""Every claim a record makes: its own fields by provenance, its `claims`, its architectures, its table cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from moe_kb.claims.architecture import flatten
from moe_kb.claims.claim import Claim
from moe_kb.claims.quantity import evaluate, parse_quantity
from moe_kb.records import Accelerator, Column, Interconnect, Mark, Model, Record, Row, Table
from moe_kb.records.base import Scalar

#: Nested fields keep the name people search for.
_INNER_NAMES = {"links.paper": "url", "links.code": "code_url", "links.project": "project_url"}


_TRUTH = {"yes": True, "true": True, "✓": True, "no": False, "false": False, "✗": False}


def expand(record: Record) -> Iterator[Claim]:
    """Every claim of one record, before any disagreement is looked at."""
    name = record.reference
    for provenance in record.provenance:
        for stated in provenance.fields:
            for field, value in _values(record, stated):
                yield Claim(name, name, None, field, value, provenance.source, provenance.locator)
    for claim in record.claims:
        yield Claim(name, name, **dict(claim))
    if isinstance(record, Model):
        yield from _architectures(record)
    elif isinstance(record, Accelerator):
        yield from _figures(record)
    elif isinstance(record, Table):
        for row in record.rows:
            yield from _row(record, row)


def _values(record: Record, stated: str) -> Iterator[tuple[str, Any]]:
    """Name and value of a stated field; parts of `ids` and `links` each under their own name."""
    top, _, inner = stated.partition(".")
    value = getattr(record, top, None)
    if isinstance(value, BaseModel):
        for name, item in value:
            if item is not None and inner in ("", name):
                yield _INNER_NAMES.get(f"{top}.{name}", name), item
    elif value is not None:
        yield top, value


def _architectures(model: Model) -> Iterator[Claim]:
    for configuration in model.configurations:
        architecture = configuration.architecture
        if architecture is None:
            continue
        for flat in flatten(architecture):
            about = (model.reference, model.reference, configuration.label, flat.field, flat.value)
            claim = Claim(*about, architecture.source, architecture.locator, status=architecture.status)
            if flat.derived:
                claim.status, claim.note = "derived", "counted over the layers"
            claim.counting = flat.counting
            yield claim


def _figures(device: Accelerator) -> Iterator[Claim]:
    for field, figure in device.figures():
        about = (device.reference, device.reference, None, field, figure.number, figure.source, figure.locator)
        scope = figure.direction if isinstance(figure, Interconnect) else None
        yield Claim(*about, figure.printed, figure.UNIT, figure.status, scope=scope, note=figure.note)


def _row(table: Table, row: Row) -> Iterator[Claim]:
    """Claims about a row; which record the row is about is the alignment's business."""
    columns = {column.name: column for column in table.columns}
    numbers: dict[str, float] = {}
    # Plain numbers first: expressions in other cells refer to them by name.
    for name in sorted(row.cells, key=lambda n: columns[n].type == "expression" if n in columns else True):
        column = columns.get(name)
        if column is None or column.field is None:
            continue
        cell = row.cells[name]
        for mark in cell if isinstance(cell, list) else [cell]:
            yield _cell(table, row, column, mark, numbers)


def _cell(table: Table, row: Row, column: Column, cell: str | Mark, numbers: dict[str, float]) -> Claim:
    mark = cell if isinstance(cell, Mark) else Mark(printed=cell)
    value, derived = typed_value(column, mark, numbers)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        numbers.setdefault(column.name, value)
    assert column.field is not None
    status = mark.status or ("derived" if derived else column.status)
    note = mark.note
    if derived and note is None:
        note = f"{mark.printed}, evaluated over the row"
    about = (table.reference, table.reference, f"row {row.row}", column.field, value)
    place = (table.source, f"{table.locator}, row {row.row}", mark.printed, column.unit, status)
    condition = (mark.counting or column.counting, column.scope, mark.setting or column.setting)
    return Claim(*about, *place, *condition, f"{table.key}#{row.row}", note)


def typed_value(column: Column, mark: Mark, numbers: Mapping[str, float]) -> tuple[Scalar, bool]:
    """The typed value of a cell, and whether it was computed from the other numbers of its row.

    A cell that its column's type cannot hold comes back as printed; a rule of `checks` reports it.
    """
    if mark.value is not None:
        return mark.value, False
    if column.type == "boolean":
        return _TRUTH.get(mark.printed.strip().lower(), mark.printed), False
    if column.type in ("integer", "number", "count", "expression"):
        quantity = parse_quantity(mark.printed)
        if quantity is not None:
            return quantity.value, False
        if column.type == "expression":
            value = evaluate(mark.printed, numbers)
            if value is not None:
                return value, True
    return mark.ref or mark.printed, False
