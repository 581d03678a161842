"""The audit's issues, kept beside the database: computed once for each state of the records, read in milliseconds.

They are not in the database itself, since a build should not wait for rules that look at everything. After a change
only what it can touch is computed anew; and what is asked of one record is computed for that record alone.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from moe_kb.audit.issue import Issue, Waived
from moe_kb.claims.claim import Claim
from moe_kb.db.connect import DAMAGED, reading
from moe_kb.db.reader import Reader
from moe_kb.db.replacing import replacing
from moe_kb.errors import DatabaseError
from moe_kb.queries import evidence

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE works (record TEXT PRIMARY KEY, sha256 TEXT NOT NULL);
CREATE TABLE issues (number INTEGER PRIMARY KEY, rule INTEGER NOT NULL, id TEXT NOT NULL, content TEXT NOT NULL);
CREATE TABLE concerns (record TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (record, number)) WITHOUT ROWID;
CREATE INDEX in_order ON issues (rule, id)
"""
_ABOUT = "SELECT number FROM concerns WHERE record IN (SELECT value FROM json_each(?))"
#: Up to so many records the whole audit takes a fraction of a second, and kept it answers faster than one record's.
SMALL = 2_000
#: Of readers who ask at the same time one computes.
_computing = threading.Lock()


def beside(database: Path) -> Path:
    """Where the issues of a database are kept."""
    return database.with_name(f"{database.stem}.issues{database.suffix}")


def issues(database: Path, meta: Mapping[str, str], reader: Reader, record: str | None = None) -> list[Issue]:
    """Every issue (that concerns one record), in the order of the rules and, within a rule, of the ids.

    Args:
        database: The database's file; the issues are kept beside it, if that folder can be written.
        meta: The database's `meta`.
        reader: Of that database.
        record: Full name of a record.
    """
    state = hashlib.sha256(f"{meta.get('fingerprint')} {meta.get('content_hash')}".encode()).hexdigest()
    kept = _read(database, state, record)
    if kept is not None:
        return kept
    from moe_kb.audit.rules import run  # imports the record types; what is kept is read without

    if record is not None and evidence.number_of_records(reader) > SMALL:
        return run(Reader(reader.connection, {record}))
    with _computing:
        kept = _read(database, state, record)  # others may have waited for the same
        if kept is None:
            base = _base(reader, meta)
            if not _refreshed(database, state, base, reader):
                _written(database, state, base, reader)
            kept = _read(database, state, record)
    if kept is not None:
        return kept
    # Nothing can be written there.
    return run(reader if record is None else Reader(reader.connection, {record}))


def _base(reader: Reader, meta: Mapping[str, str]) -> str:
    """What the issues of every record rest on: code, sources, tables, taxonomies, alignment, waivers, vocabularies."""
    about = [meta.get("fingerprint"), evidence.vocabulary_sizes(reader), evidence.files_of_no_work(reader)]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()


def _read(database: Path, state: str, record: str | None) -> list[Issue] | None:
    """Issues kept for this state (that concern one record); None where they are of another state, or not there."""
    path = beside(database)
    if not path.is_file():
        return None
    with suppress(*DAMAGED), reading(path) as connection:  # damaged: computed anew
        if _meta(connection).get("state") == state:
            rows = connection.execute(
                f"SELECT content FROM issues WHERE ? OR number IN ({_ABOUT}) ORDER BY rule, id, number",
                (record is None, json.dumps([record])),
            )
            return [_issue(json.loads(content)) for (content,) in rows]
    return None


def _meta(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT key, value FROM meta"))


def _written(database: Path, state: str, base: str, reader: Reader) -> None:
    """Compute all issues and keep them, if that can be written (not in a read-only folder, or on a full disk)."""
    from moe_kb.audit.rules import run

    with suppress(DatabaseError), replacing(beside(database)) as connection:
        for statement in _TABLES.split(";"):
            connection.execute(statement)
        _insert(connection, run(reader))
        _stamp(connection, state, base, evidence.works(reader))


def _refreshed(database: Path, state: str, base: str, reader: Reader) -> bool:
    """Whether issues kept for another state could be brought up to this one, by what changed between the two."""
    from moe_kb.audit.rules import run

    path = beside(database)
    works = evidence.works(reader)
    try:
        if not path.is_file():
            return False
        with reading(path) as connection:
            if _meta(connection).get("base") != base:
                return False
            known = dict(connection.execute("SELECT record, sha256 FROM works"))
            changed = {record for record, _ in known.items() ^ works.items()}
            concerned = connection.execute(
                f"SELECT DISTINCT record FROM concerns WHERE number IN ({_ABOUT})", (json.dumps(sorted(changed)),)
            )
            asked = changed.union(record for (record,) in concerned)
        asked |= evidence.touched(Reader(reader.connection, changed), changed - known.keys())
        with replacing(path, copy=True) as connection:
            about = (json.dumps(sorted(asked)),)
            connection.execute(f"DELETE FROM issues WHERE number IN ({_ABOUT})", about)
            connection.execute("DELETE FROM concerns WHERE number NOT IN (SELECT number FROM issues)")
            _insert(connection, run(Reader(reader.connection, asked)))
            _stamp(connection, state, base, works)
    except (*DAMAGED, DatabaseError):
        return False  # damaged, or it cannot be written
    return True


def _insert(connection: sqlite3.Connection, found: Iterable[Issue]) -> None:
    from moe_kb.audit.rules import ORDER

    (number,) = connection.execute("SELECT coalesce(max(number), 0) FROM issues").fetchone()
    for issue in found:
        number += 1
        content = json.dumps(asdict(issue), ensure_ascii=False)
        connection.execute("INSERT INTO issues VALUES (?, ?, ?, ?)", (number, ORDER[issue.rule], issue.id, content))
        connection.executemany("INSERT INTO concerns VALUES (?, ?)", [(record, number) for record in issue.records])


def _stamp(connection: sqlite3.Connection, state: str, base: str, works: Mapping[str, str]) -> None:
    connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", [("state", state), ("base", base)])
    connection.execute("DELETE FROM works")
    connection.executemany("INSERT INTO works VALUES (?, ?)", works.items())


def _issue(data: dict[str, Any]) -> Issue:
    waived = data.pop("waived")
    claims = tuple(Claim(**claim) for claim in data.pop("claims"))
    sources, others = tuple(data.pop("sources")), tuple(data.pop("others"))
    return Issue(**data, sources=sources, others=others, claims=claims, waived=Waived(**waived) if waived else None)
