"""Records compared: the fields in which they agree and differ."""

from __future__ import annotations

from dataclasses import dataclass, replace

from moe_kb.db.reader import Reader
from moe_kb.errors import NotFoundError
from moe_kb.fields import FIELDS, GATING_PROPERTIES, value_label
from moe_kb.format import bytes_text, citation
from moe_kb.queries.designs import properties
from moe_kb.queries.sizes import layers_of
from moe_kb.queries.values import claims_about, shown

#: A row that follows from the layers: what a cache of 16-bit numbers grows by with every token.
KV_CACHE = "KV cache per token"


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

    def words(self, row: int) -> list[str | None]:
        """A row's cells as people read them; `cells` has the codes of vocabularies."""
        return [cell and value_label(self.fields[row], cell) for cell in self.cells[row]]

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

    Args:
        reader: Of the database.
        records: Full names; `model:key#label` is one configuration of a model, `model:key` all of them.

    Raises:
        NotFoundError: Fewer than two records, records of different kinds, or a configuration that is not known.
    """
    records = list(dict.fromkeys(records))
    kinds = {record.partition(":")[0] for record in records}
    if len(records) < 2:
        raise NotFoundError("give at least two different records to compare.")
    if len(kinds) > 1:
        raise NotFoundError(f"only records of one kind can be compared, not {' and '.join(sorted(kinds))}.")
    columns = [column for record in records for column in _columns(reader, record)]
    known = ("name", KV_CACHE, *FIELDS) if kinds == {"model"} else ("name", "component", "year", *GATING_PROPERTIES)
    order = {name: position for position, name in enumerate(dict.fromkeys(known))}
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


def _columns(reader: Reader, name: str) -> list[tuple[str, dict[str, _Cell]]]:
    """A record's cells; a model has a column for each configuration, or for the one that is named."""
    record, _, chosen = name.partition("#")
    shared: dict[str, _Cell] = {}
    configurations: dict[str, dict[str, _Cell]] = {chosen: {}} if chosen else {}
    claims = claims_about(reader, record)
    if chosen:
        known = reader.values("SELECT label FROM configurations WHERE record = ? ORDER BY position", (record,))
        known = list(dict.fromkeys([*known, *(claim.configuration for claim in claims if claim.configuration)]))
        if chosen not in known:
            raise NotFoundError(f"{record} has no configuration {chosen!r}. Known: {', '.join(known) or 'none'}.")
    for claim in claims:
        if claim.preferred and (not chosen or claim.configuration in (None, chosen)):
            field = claim.field if claim.setting is None else f"{claim.field} ({claim.setting})"
            cells = configurations.setdefault(claim.configuration, {}) if claim.configuration else shared
            cells[field] = _Cell(shown(claim), citation(claim.source, claim.locator), claim.note)
    for stated in properties(reader, record):
        shared[stated.property] = _Cell(stated.value, citation(stated.source, stated.locator), stated.note)
    for field, role in (("introduced by", "introduces"), ("used by", "uses")):
        users = reader.values(
            "SELECT DISTINCT r.name FROM usages u JOIN records r ON r.record = u.by WHERE u.record = ? AND u.role = ?",
            (record, role),
        )
        if users:
            shared[field] = _Cell(", ".join(users))
    for label, cells in configurations.items():
        _complete(reader, record, label, cells)
    if not configurations:
        return [(record, shared)]
    return [(f"{record}#{label}", {**shared, **cells}) for label, cells in configurations.items()]


def _complete(reader: Reader, record: str, label: str, cells: dict[str, _Cell]) -> None:
    """The router by its name, and what follows from the layers of a configuration."""
    if "router" in cells:
        name = reader.values("SELECT name FROM designs WHERE key = ?", (cells["router"].value,))
        cells["router"] = replace(cells["router"], value=name[0] if name else cells["router"].value)
    architecture = layers_of(reader, record).get(label)
    if architecture is None:
        return
    from moe_kb.sizing import UnsizedError, count
    from moe_kb.sizing.cache import cache

    try:
        count(architecture)  # a cache is a number only where nothing is left open
    except UnsizedError:
        return
    kept = cache(architecture)
    parts = [f"+ {bytes_text(2 * each)} per token up to {window:,}" for window, each in kept.windows.items()]
    parts += [f"+ {bytes_text(2 * kept.fixed)} of constant state"] if kept.fixed else []
    parts += [f"+ {bytes_text(2 * kept.per_source_token)} per token of the encoder"] if kept.per_source_token else []
    note = "; ".join(["computed from its layers, numbers of 16 bits", *parts])
    cells[KV_CACHE] = _Cell(
        bytes_text(float(2 * kept.per_token)), citation(architecture.source, architecture.locator), note
    )
