"""Writing records, alignments and claims into an open database."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moe_kb.claims.claim import Claim
from moe_kb.claims.resolve import resolve
from moe_kb.db.connect import SCHEMA_VERSION
from moe_kb.db.ddl import SEARCH_TABLES
from moe_kb.db.manifest import Code
from moe_kb.db.rows import claim_row, record_rows
from moe_kb.format import citation
from moe_kb.records import Alignment, Record
from moe_kb.records.base import Resolution
from moe_kb.stamps import FileStamp


class Writer:
    """Collects rows by table and writes them in bulk."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.columns = {
            table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        }
        for table in SEARCH_TABLES:
            # A search row is found again by its rowid, which is no column of the table; left out, it is counted up.
            self.columns[table].append("rowid")
        self.rows: dict[str, list[tuple[Any, ...]]] = defaultdict(list)

    def add(self, table: str, row: dict[str, Any]) -> None:
        """Add a row; columns it does not name are NULL."""
        self.rows[table].append(tuple(map(row.get, self.columns[table])))
        if len(self.rows[table]) >= 5000:
            self.flush(table)

    def flush(self, *tables: str) -> None:
        """Write what was collected (for some tables only)."""
        for table in tables or tuple(self.rows):
            rows = self.rows.pop(table, [])
            if rows:
                names = ", ".join(f'"{name}"' for name in self.columns[table])
                marks = ", ".join("?" * len(self.columns[table]))
                self.connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)


def write_record(writer: Writer, record: Record, path: str, identity: int) -> None:
    """Write everything a record says, except its claims."""
    for table, row in record_rows(record, path, identity):
        writer.add(table, row)


def align(connection: sqlite3.Connection, alignment: Alignment, claims: Iterable[Claim]) -> None:
    """Write the alignment into `table_rows` and give the rows' claims their subjects."""
    subjects: dict[str, tuple[str, str | None]] = {}
    for row in alignment.rows:
        connection.execute(
            "UPDATE table_rows SET subject = ?, configuration = ?, reason = ? WHERE record = ? AND row = ?",
            (row.subject, row.configuration, row.reason, f"table:{row.table}", row.row),
        )
        if row.subject:
            subjects[f"{row.table}#{row.row}"] = (row.subject, row.configuration)
    give_subjects(claims, subjects)


def give_subjects(claims: Iterable[Claim], subjects: dict[str, tuple[str, str | None]]) -> None:
    """Give claims of aligned rows (`table#row`) the record and configuration they are about."""
    for claim in claims:
        if claim.table_row in subjects:
            claim.subject, claim.configuration = subjects[claim.table_row]


def write_claims(
    connection: sqlite3.Connection,
    writer: Writer,
    claims: list[Claim],
    source_types: dict[str, str],
    resolutions: dict[str, list[Resolution]],
) -> None:
    """Decide which claims are shown first, and write claims and disagreements."""
    disputes = resolve(claims, source_types, resolutions)
    (first,) = connection.execute("SELECT coalesce(max(id), 0) FROM claims").fetchone()
    identities: dict[int, int] = {}
    disputed = {id(claim) for dispute in disputes for claim in dispute.claims}
    for number, claim in enumerate(claims, start=first + 1):
        writer.add("claims", {"id": number, **claim_row(claim)})
        if id(claim) in disputed:
            identities[id(claim)] = number
    for dispute in disputes:
        note = dispute.resolution
        row = {name: getattr(dispute, name) for name in ("kind", "subject", "configuration", "field", "setting")}
        row["resolved"] = note is not None
        row["claims"] = json.dumps([identities[id(claim)] for claim in dispute.claims])
        row["values_seen"] = "; ".join(dict.fromkeys(f"{claim.shown} ({claim.place})" for claim in dispute.claims))
        row["reason"] = f"{note.reason} ({citation(note.source, note.locator)})" if note else None
        writer.add("disagreements", row)
    writer.flush()


def finish(connection: sqlite3.Connection, root: Path, stamps: list[FileStamp], code: Code) -> None:
    """Write what depends on the whole database: flags that join tables, and `meta`."""
    connection.execute(
        "UPDATE configurations SET released_config = 1 WHERE source IN (SELECT key FROM sources WHERE type = 'config')"
    )
    files = connection.execute("SELECT path, sha256 FROM files ORDER BY path").fetchall()
    meta = {
        "schema_version": str(SCHEMA_VERSION),
        "fingerprint": code.fingerprint,
        "code_folders": json.dumps(code.folders),
        "stamp": code.stamp(stamps),
        "content_hash": hashlib.sha256(json.dumps(files).encode()).hexdigest(),
        "root": str(root),
        "built": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": str(len(files)),
    }
    connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta.items())
