"""Tables: what a source prints in rows and columns, transcribed cell by cell.

A row's claim is about the row. Which model a row is about is said in the alignment file, so that one row can
be moved without touching what was printed.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from moe_kb.records.base import (
    MAX_VALUES,
    Counting,
    FieldName,
    Key,
    Kind,
    Line,
    Part,
    Record,
    Reference,
    Scalar,
    Status,
)

ColumnType = Literal["text", "integer", "number", "count", "expression", "boolean", "date", "reference"]


class Column(Part):
    """What a column of the table means."""

    name: FieldName
    """Name used in the rows."""
    printed: Line | None = None
    """The header as printed."""
    type: ColumnType
    """How cells are read: `count` understands 47B, 1.1K; `expression` understands 4*d_model and 1/4*d_ffn."""
    field: FieldName | None = None
    """The field its cells make claims about; none: the column only identifies the row."""
    unit: Line | None = None
    """Unit of the values."""
    counting: Counting | None = None
    """For expert counts: whether shared experts are included."""
    scope: Line | None = None
    """What the numbers cover."""
    setting: Line | None = None
    """Default condition of a measurement, e.g. `5-shot`; a cell may say otherwise."""
    status: Status = "reported"
    """`derived` where the column was computed from the printed ones."""
    description: Line
    """What the column says."""


class Mark(Part):
    """A cell, or one of several values in a cell, that needs more than its printed text."""

    printed: Line
    """The text as printed, or the best transcription of a mark."""
    value: Scalar | None = None
    """The value where it cannot be read off the text."""
    ref: Reference | None = None
    """The record the text names."""
    role: Line | None = None
    """The part it plays, e.g. introduced or adopted."""
    setting: Line | None = None
    """Condition of this value, e.g. `8-shot`."""
    counting: Counting | None = None
    """Overrides the column's."""
    status: Status | None = None
    """Overrides the column's, e.g. `derived` for an inferred mark."""
    note: Line | None = None
    """Why it is derived, or what to beware of."""


#: An empty cell is left out of the row.
Cell = Line | Mark | Annotated[list[Mark], Field(min_length=1, max_length=MAX_VALUES)]


class Row(Part):
    """One printed row."""

    row: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=80)]
    """The row's identifier inside the table: its number as printed, counted from 1."""
    label: Line
    """What the row is about, as printed."""
    cells: dict[str, Cell]
    """Column name to what is printed; an empty cell is left out."""


class Table(Record):
    """A table (or a figure that lists things) of a source."""

    KIND: ClassVar[Kind] = "table"
    SELF_SOURCED: ClassVar[frozenset[str]] = Record.SELF_SOURCED | {
        # The table as a whole cites its source once, by `source` and `locator`.
        "name",
        "title",
        "source",
        "locator",
        "columns",
        "rows",
        "about",
        "note",
    }

    title: Line
    """What the table shows."""
    source: Key
    """The source that prints it."""
    locator: Line
    """Which table or figure of the source."""
    about: Literal["model", "system", "design", "paper"]
    """What its rows are about."""
    columns: list[Column]
    """Meaning of the columns."""
    rows: list[Row]
    """The rows in printed order."""
    note: Line | None = None
    """What the transcription had to decide."""


class AlignedRow(Part):
    """Which record (and configuration) a row is about, or why none."""

    table: Key
    """The table."""
    row: Line
    """The row's identifier."""
    subject: Reference | None = None
    """The record the row is about."""
    configuration: Line | None = None
    """Label of the configuration; none: the record as a whole."""
    reason: Line | None = None
    """Why there is no subject, or why this one where it is not obvious."""


class AlignedConfig(Part):
    """Which model and configuration a released `config.json` belongs to."""

    source: Key
    """The config's source record."""
    subject: Reference | None = None
    """The model."""
    configuration: Line | None = None
    """Label of the configuration."""
    reason: Line | None = None
    """Why there is no subject, or why this one where it is not obvious."""


class Alignment(Part):
    """The file `data/alignment.yaml`: rows of different tables that are about the same thing."""

    rows: list[AlignedRow]
    """One entry for every row of every aligned table."""
    configs: list[AlignedConfig]
    """One entry for every released configuration."""
