"""Records side by side: the fields in which they agree and differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moe_kb.errors import NotFoundError
from moe_kb.fields import GATING_PROPERTIES

if TYPE_CHECKING:
    from moe_kb.kb import KnowledgeBase


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rows of fields, columns of records."""

    names: list[str]
    """Full names of the compared records (with the configuration after `#` for models)."""
    fields: list[str]
    cells: list[list[str | None]]
    """One list per field, one cell per record; None: no source says."""
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


def compare(kb: KnowledgeBase, records: list[str]) -> Comparison:
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
    columns = [column for record in records for column in _columns(kb, record)]
    known = list(dict.fromkeys(field for _, cells in columns for field in cells))
    order = {name: position for position, name in enumerate(("name", "component", "year", *GATING_PROPERTIES))}
    known.sort(key=lambda field: order.get(field, len(order)))
    matrix = [[cells.get(field) for _, cells in columns] for field in known]
    return Comparison(
        [name for name, _ in columns],
        known,
        [[cell.value if cell else None for cell in row] for row in matrix],
        [[cell.place if cell else None for cell in row] for row in matrix],
        [[cell.note if cell else None for cell in row] for row in matrix],
    )


def _columns(kb: KnowledgeBase, record: str) -> list[tuple[str, dict[str, _Cell]]]:
    """A record's cells; a model has a column for each configuration."""
    shared: dict[str, _Cell] = {}
    parts: dict[str, dict[str, _Cell]] = {}
    for claim in kb.claims(record):
        if claim.preferred:
            field = claim.field if claim.setting is None else f"{claim.field} ({claim.setting})"
            cells = parts.setdefault(claim.configuration, {}) if claim.configuration else shared
            cells[field] = _Cell(claim.shown, claim.place, claim.note)
    for row in kb.rows("SELECT * FROM design_properties WHERE record = ?", (record,)):
        place = f"{row['source']}, {row['locator']}" if row["locator"] else row["source"]
        shared[row["property"]] = _Cell(row["value"], place, row["note"])
    for field, role in (("introduced by", "introduces"), ("used by", "uses")):
        users = kb.rows(
            "SELECT DISTINCT r.name FROM usages u JOIN records r ON r.record = u.by WHERE u.record = ? AND u.role = ?",
            (record, role),
        )
        if users:
            shared[field] = _Cell(", ".join(row["name"] for row in users))
    if not parts:
        return [(record, shared)]
    return [(f"{record}#{configuration}", {**shared, **cells}) for configuration, cells in parts.items()]
