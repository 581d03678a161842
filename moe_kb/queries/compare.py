"""Records compared: the fields in which they agree and differ."""

from __future__ import annotations

from dataclasses import dataclass

from moe_kb.db.reader import Reader
from moe_kb.errors import NotFoundError
from moe_kb.fields import GATING_PROPERTIES
from moe_kb.format import citation
from moe_kb.queries.designs import properties
from moe_kb.queries.values import claims_about


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rows of fields, columns of records."""

    names: list[str]
    """Full names of the compared records (with the configuration after `#` for models)."""
    fields: list[str]
    cells: list[list[str | None]]
    """One list per field, one cell per record; None: not reported."""
    sources: list[list[str | None]]
    """Where each cell was read."""
    notes: list[list[str | None]]
    """Conditions and details of each cell."""

    def differs(self, row: int) -> bool:
        """Whether the records differ in a field, as far as known."""
        return len({cell for cell in self.cells[row] if cell is not None}) > 1


@dataclass(frozen=True, slots=True)
class _Cell:
    value: str
    place: str | None = None
    note: str | None = None


def compare(reader: Reader, records: list[str]) -> Comparison:
    """Compare two or more records of one kind.

    Raises:
        NotFoundError: Fewer than two records, or records of different kinds.
    """
    records = list(dict.fromkeys(records))
    kinds = {record.partition(":")[0] for record in records}
    if len(records) < 2:
        raise NotFoundError("give at least two different records to compare.")
    if len(kinds) > 1:
        raise NotFoundError(f"only records of one kind can be compared, not {' and '.join(sorted(kinds))}.")
    columns = [column for record in records for column in _columns(reader, record)]
    order = {name: position for position, name in enumerate(("name", "component", "year", *GATING_PROPERTIES))}
    fields = sorted(
        dict.fromkeys(field for _, cells in columns for field in cells), key=lambda field: order.get(field, len(order))
    )
    matrix = [[cells.get(field) for _, cells in columns] for field in fields]
    return Comparison(
        [name for name, _ in columns],
        fields,
        [[cell.value if cell else None for cell in row] for row in matrix],
        [[cell.place if cell else None for cell in row] for row in matrix],
        [[cell.note if cell else None for cell in row] for row in matrix],
    )


def _columns(reader: Reader, record: str) -> list[tuple[str, dict[str, _Cell]]]:
    """A record's cells; a model has a column for each configuration."""
    shared: dict[str, _Cell] = {}
    configurations: dict[str, dict[str, _Cell]] = {}
    for claim in claims_about(reader, record):
        if claim.preferred:
            field = claim.field if claim.setting is None else f"{claim.field} ({claim.setting})"
            cells = configurations.setdefault(claim.configuration, {}) if claim.configuration else shared
            cells[field] = _Cell(claim.shown, citation(claim.source, claim.locator), claim.note)
    for stated in properties(reader, record):
        shared[stated.property] = _Cell(stated.value, citation(stated.source, stated.locator), stated.note)
    for field, role in (("introduced by", "introduces"), ("used by", "uses")):
        users = reader.values(
            "SELECT DISTINCT r.name FROM usages u JOIN records r ON r.record = u.by WHERE u.record = ? AND u.role = ?",
            (record, role),
        )
        if users:
            shared[field] = _Cell(", ".join(users))
    if not configurations:
        return [(record, shared)]
    return [(f"{record}#{label}", {**shared, **cells}) for label, cells in configurations.items()]
