"""Refreshing a database after few files changed: only those are read, checked and written."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import asdict
from pathlib import Path

from moe_kb import references
from moe_kb.checks import Index, check_record, refuse
from moe_kb.claims.claim import Claim
from moe_kb.claims.expand import expand
from moe_kb.corpus import Finding, read_model
from moe_kb.db.claims import read_claims, resolutions_of
from moe_kb.db.connect import reading
from moe_kb.db.indexing import link_again, linked_to, remove_index, write_index
from moe_kb.db.manifest import Code, Manifest
from moe_kb.db.reader import Reader
from moe_kb.db.replacing import replacing
from moe_kb.db.rows import claim_row
from moe_kb.db.schema import OWNED
from moe_kb.db.write import Writer, finish, give_subjects, write_claims, write_record
from moe_kb.records import Record
from moe_kb.stamps import FileStamp


def refresh(root: Path, database: Path, stamps: list[FileStamp], changed: list[str], old: Manifest, code: Code) -> bool:
    """Replace the rows of changed records; False where only a full build will do (a key went away, say)."""
    fresh: list[tuple[str, Record, str]] = []
    findings: list[Finding] = []
    for path in changed:
        record, text, problems = read_model(root, path)
        findings.extend(problems)
        if record is not None:
            assert isinstance(record, Record)
            known = old.files.get(path)
            if known is not None and known[3] != record.reference:
                return False
            fresh.append((path, record, hashlib.sha256(text.encode()).hexdigest()))
    names = [record.reference for _, record, _ in fresh]
    taken = {known[3] for path, known in old.files.items() if path not in changed}
    if len(set(names)) != len(names) or taken & set(names):
        return False  # a duplicate key: the full build says it with both places
    if any(record.KIND == "source" for _, record, _ in fresh):
        return False  # a source's type ranks the claims of every record that cites it
    records = [record for _, record, _ in fresh]
    with reading(database) as connection:
        if _lost_something(connection, records):
            return False
        index = _index_from(connection, records)
    for path, record, _ in fresh:
        findings.extend(check_record(record, path, index, root))
    refuse(findings)
    with replacing(database, copy=True) as connection:
        _replace_rows(connection, fresh, {stamp.path: stamp for stamp in stamps})
        finish(connection, root, stamps, code)
    return True


def _index_from(connection: sqlite3.Connection, fresh: list[Record]) -> Index:
    replaced = {record.reference for record in fresh}
    names = replaced | set(Reader(connection).values("SELECT record FROM records"))
    names |= {f"node:{t}:{n}" for t, n in connection.execute("SELECT taxonomy, node FROM nodes WHERE node != ''")}
    identifiers: dict[tuple[str, str], list[str]] = {}
    for record in fresh:
        for identifier in references.identifiers(record):
            key = (identifier.scheme, identifier.value)
            found = connection.execute("SELECT record FROM identifiers WHERE value = ? AND scheme = ?", key[::-1])
            others = [row[0] for row in found if row[0] not in replaced]
            identifiers.setdefault(key, others).append(record.reference)
    return Index(names=names, identifiers=identifiers)


def _lost_something(connection: sqlite3.Connection, fresh: list[Record]) -> bool:
    """Whether an aligned row or configuration is gone, which the alignment file may still name."""
    reader = Reader(connection)
    for record in fresh:
        labels = set(reader.values("SELECT label FROM configurations WHERE record = ?", (record.reference,)))
        rows = set(reader.values("SELECT row FROM table_rows WHERE record = ?", (record.reference,)))
        if record.KIND == "model" and not labels <= references.parts(record):
            return True
        if record.KIND == "table" and rows != {row.row for row in record.rows}:  # type: ignore[attr-defined]
            return True
    return False


def _replace_rows(
    connection: sqlite3.Connection, fresh: list[tuple[str, Record, str]], stamps: dict[str, FileStamp]
) -> None:
    aligned = {
        f"{table.removeprefix('table:')}#{row}": (subject, configuration)
        for table, row, subject, configuration in connection.execute(
            "SELECT record, row, subject, configuration FROM table_rows WHERE subject IS NOT NULL"
        )
    }
    reasons = connection.execute("SELECT record, row, subject, configuration, reason FROM table_rows").fetchall()
    writer = Writer(connection)
    (next_identity,) = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM records").fetchone()
    subjects: set[str] = set()
    indexed: dict[int, Record] = {}
    names = [record.reference for _, record, _ in fresh]
    beside = linked_to(connection, names)
    for path, record, digest in fresh:
        name = record.reference
        known = connection.execute("SELECT id FROM records WHERE record = ?", (name,)).fetchone()
        identity = known[0] if known else next_identity
        next_identity += known is None
        touched = Reader(connection).values("SELECT DISTINCT subject FROM claims WHERE record = ?", (name,))
        subjects |= {name, *touched}
        for table in OWNED:
            connection.execute(f"DELETE FROM {table} WHERE record = ?", (name,))
        remove_index(connection, identity)
        indexed[identity] = record
        write_record(writer, record, path, identity)
        claims = list(expand(record))
        give_subjects(claims, aligned)
        subjects |= {claim.subject for claim in claims}
        for claim in claims:
            writer.add("claims", claim_row(claim))
        connection.execute("DELETE FROM files WHERE path = ?", (path,))
        writer.add("files", {**asdict(stamps[path]), "sha256": digest, "record": name})
    writer.flush()
    write_index(connection, writer, indexed)
    link_again(connection, (beside | linked_to(connection, names)) - {*names})
    connection.executemany(
        "UPDATE table_rows SET subject = ?, configuration = ?, reason = ? WHERE record = ? AND row = ?",
        [(subject, configuration, reason, record, row) for record, row, subject, configuration, reason in reasons],
    )
    _resolve_again(connection, writer, sorted(subjects))


def _resolve_again(connection: sqlite3.Connection, writer: Writer, subjects: list[str]) -> None:
    """Recompute preference and disagreements of the touched subjects only."""
    claims: list[Claim] = []
    for subject in subjects:
        claims.extend(read_claims(connection, "subject = ?", (subject,)))
        connection.execute("DELETE FROM claims WHERE subject = ?", (subject,))
        connection.execute("DELETE FROM disagreements WHERE subject = ?", (subject,))
    source_types = dict(connection.execute("SELECT key, type FROM sources"))
    write_claims(connection, writer, claims, source_types, resolutions_of(connection, subjects))
