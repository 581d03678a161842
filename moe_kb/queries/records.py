"""Records in a line, and where they stand in the tree."""

from __future__ import annotations

from dataclasses import dataclass

from moe_kb.db.reader import Reader
from moe_kb.format import with_year

_BRIEF = "SELECT record, kind, key, name, year, summary FROM records"


@dataclass(frozen=True, slots=True)
class Brief:
    """A record in a line."""

    record: str
    """Full name."""
    kind: str
    key: str
    name: str
    year: int | None
    summary: str | None

    @property
    def label(self) -> str:
        """Name with year, since short names are not unique."""
        return with_year(self.name, self.year)


@dataclass(frozen=True, slots=True)
class SourceBrief:
    """A source as it is cited."""

    key: str
    name: str
    title: str
    type: str
    url: str | None


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of a transcribed table, with what it is about."""

    row: str
    label: str
    cells: str
    """JSON object: column to what is printed."""
    subject: str | None
    configuration: str | None


def briefs(reader: Reader, kind: str | None = None) -> list[Brief]:
    """Every record (of one kind), by name."""
    return reader.all(Brief, f"{_BRIEF} WHERE kind = coalesce(?, kind) ORDER BY name COLLATE NOCASE, year", (kind,))


def brief(reader: Reader, record: str) -> Brief:
    """One record, which exists."""
    (found,) = reader.all(Brief, f"{_BRIEF} WHERE record = ?", (record,))
    return found


def content_of(reader: Reader, record: str) -> str:
    """The whole record as JSON, defaults left out."""
    return str(reader.value("SELECT content FROM records WHERE record = ?", (record,)))


def path_of(reader: Reader, record: str) -> str:
    """The record's file, relative to the tree."""
    return str(reader.value("SELECT path FROM records WHERE record = ?", (record,)))


def sources(reader: Reader) -> dict[str, SourceBrief]:
    """Every source by key."""
    return {source.key: source for source in reader.all(SourceBrief, "SELECT key, name, title, type, url FROM sources")}


def table_rows(reader: Reader, table: str) -> list[TableRow]:
    """The rows of a transcribed table (full name) in printed order."""
    return reader.all(
        TableRow,
        "SELECT row, label, cells, subject, configuration FROM table_rows WHERE record = ? ORDER BY id",
        (table,),
    )
