"""Building the database: whole, or only what changed; atomically, so that a reader always sees a complete one.

The new file is written beside the old one and put in its place by a rename. Rewriting in place would hand an open
reader a "database disk image is malformed"; a rename leaves it the old file until it opens again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from moe_kb import claims as claims_module
from moe_kb import facts
from moe_kb.checks import Index, check_corpus, check_record
from moe_kb.claims import Statement
from moe_kb.corpus import Corpus, FileStamp, Finding, read_model, scan
from moe_kb.db.rows import claim_row, record_rows, search_text, taxonomy_rows
from moe_kb.db.schema import KEYED, OWNED, SCHEMA_VERSION
from moe_kb.errors import CheckFailedError
from moe_kb.records import Alignment, Record
from moe_kb.records.base import Resolution

#: Called with what is being done, how many are done, and how many there are.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class BuildReport:
    """What a build did."""

    database: Path
    mode: str
    """`full`, `incremental` (only changed files were read) or `unchanged`."""
    seconds: float
    files: int
    changed: int
    """Files read."""
    counts: dict[str, int] = field(default_factory=dict)
    """Records by kind, claims, edges."""


def build(root: Path, database: Path, *, force: bool = False, progress: Progress | None = None) -> BuildReport:
    """Bring the database of a tree up to date.

    Raises:
        CheckFailedError: The tree has structural findings; the old database is left as it was.
    """
    begun = time.perf_counter()
    stamps = scan(root)
    old = None if force else _read_state(database)
    implementations = _implementations()
    report = None
    if old is not None and old.fingerprint == _fingerprint(implementations):
        changed, removed = old.changes(root, stamps)
        if not changed and not removed:
            if old.touched:
                _restamp(database, old.touched)
            report = "unchanged"
        elif not removed and all(path.split("/")[1] != "alignment.yaml" and path.startswith("data/") for path in changed):
            report = _incremental(root, database, stamps, changed, old, implementations)
        read = len(changed)
    if report is None:
        report = "full"
        read = len(stamps)
        _full(root, database, stamps, implementations, progress)
    counts = _counts(database)
    return BuildReport(database, report, time.perf_counter() - begun, len(stamps), 0 if report == "unchanged" else read,
                       counts)


# --- state of an existing database ---------------------------------------------------------------------------------


@dataclass
class _State:
    """What an existing database was built from."""

    fingerprint: str
    files: dict[str, tuple[int, int, str, str | None]]
    touched: list[FileStamp] = field(default_factory=list)
    """Files with a new time but the old contents."""

    def changes(self, root: Path, stamps: list[FileStamp]) -> tuple[list[str], list[str]]:
        """Paths that are new or changed, and paths that are gone."""
        changed = []
        for stamp in stamps:
            known = self.files.get(stamp.path)
            if known is not None and known[0] == stamp.size and known[1] == stamp.mtime_ns:
                continue
            if known is not None and known[2] == _sha256(root / stamp.path):
                self.touched.append(stamp)
            else:
                changed.append(stamp.path)
        present = {stamp.path for stamp in stamps}
        return changed, [path for path in self.files if path not in present]


def _read_state(database: Path) -> _State | None:
    if not database.is_file():
        return None
    try:
        connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
        try:
            meta = dict(connection.execute("SELECT key, value FROM meta"))
            if meta.get("schema_version") != str(SCHEMA_VERSION) or "fingerprint" not in meta:
                return None
            files = {row[0]: tuple(row[1:]) for row in connection.execute(
                "SELECT path, size, mtime_ns, sha256, record FROM files")}
        finally:
            connection.close()
    except sqlite3.DatabaseError:
        return None  # corrupted, or not one of ours: built anew
    return _State(meta["fingerprint"], files)  # type: ignore[arg-type]


def _restamp(database: Path, stamps: Iterable[FileStamp]) -> None:
    """Remember new times of unchanged files, so that they are not hashed again; a reader sees no difference."""
    with _replacing(database, copy=True) as connection:
        connection.executemany(
            "UPDATE files SET mtime_ns = ? WHERE path = ?", [(stamp.mtime_ns, stamp.path) for stamp in stamps]
        )


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "unreadable"


def _implementations() -> list[dict[str, str]]:
    """The catalogue's entries; a broken package is left out here and reported by the laboratory."""
    found: dict[str, dict[str, str]] = {}
    for point in sorted(entry_points(group="moe_kb.implementations"), key=lambda p: p.name):
        try:
            entries = point.load()()
        except Exception:  # a third party's package must not keep the knowledge base from being built
            continue
        for entry in entries:
            found.setdefault(entry.key, {
                "key": entry.key, "name": entry.name, "status": entry.status, "summary": entry.summary,
                "designs": "; ".join(entry.designs), "oracle": entry.oracle,
            })
    return list(found.values())


def _fingerprint(implementations: list[dict[str, str]]) -> str:
    """Changes with the code that turns records into rows and with the installed implementations."""
    package = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256(json.dumps(implementations, sort_keys=True).encode())
    for folder in ("records", "claims", "db", "yamlio"):
        for path in sorted((package / folder).glob("*.py")):
            digest.update(path.read_bytes())
    digest.update((package / "facts.py").read_bytes())
    return digest.hexdigest()


# --- writing -------------------------------------------------------------------------------------------------------


class _replacing:
    """A connection to a new file that takes the old one's place on success and vanishes on failure."""

    def __init__(self, database: Path, *, copy: bool = False) -> None:
        self.database = database
        self.temporary = database.with_name(f".{database.name}.{os.getpid()}.tmp")
        database.parent.mkdir(parents=True, exist_ok=True)
        for stale in database.parent.glob(f".{database.name}.*.tmp"):
            # Left by a build that was killed: remove it once its process is gone.
            pid = stale.name.split(".")[-2]
            if not (pid.isdigit() and _alive(int(pid))) or stale == self.temporary:
                stale.unlink(missing_ok=True)
        if copy:
            shutil.copyfile(database, self.temporary)

    def __enter__(self) -> sqlite3.Connection:
        self.connection = sqlite3.connect(self.temporary, isolation_level=None)
        # The file is private until the rename, so neither journal nor waiting for the disk is needed before it.
        self.connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE")
        self.connection.execute("BEGIN")
        return self.connection

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:
            self.connection.close()
            self.temporary.unlink(missing_ok=True)
            return
        self.connection.execute("COMMIT")
        self.connection.close()
        with open(self.temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(self.temporary, self.database)
        folder = os.open(self.database.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class _Writer:
    """Collects rows by table and writes them in bulk."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.columns = {
            table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        }
        self.rows: dict[str, list[tuple[Any, ...]]] = defaultdict(list)

    def add(self, table: str, row: dict[str, Any]) -> None:
        self.rows[table].append(tuple(map(row.get, self.columns[table])))
        if len(self.rows[table]) >= 5000:
            self.flush(table)

    def flush(self, *tables: str) -> None:
        for table in tables or tuple(self.rows):
            rows = self.rows.pop(table, [])
            if rows:
                marks = ", ".join("?" * len(self.columns[table]))
                self.connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


def _full(
    root: Path, database: Path, stamps: list[FileStamp], implementations: list[dict[str, str]],
    progress: Progress | None,
) -> None:
    from moe_kb.db.ddl import create

    corpus = Corpus(root, stamps=stamps)
    hashes: dict[str, tuple[str, str | None]] = {}
    for number, stamp in enumerate(stamps, start=1):
        record, text, findings = read_model(root, stamp.path)
        corpus.findings.extend(findings)
        name = None
        if record is not None:
            corpus.add(stamp.path, record)
            name = record.reference if isinstance(record, Record) else None
        hashes[stamp.path] = (hashlib.sha256(text.encode()).hexdigest(), name)
        if progress and (number % 200 == 0 or number == len(stamps)):
            progress("reading", number, len(stamps))
    _refuse(check_corpus(corpus))
    if progress:
        progress("writing", 0, 1)
    with _replacing(database) as connection:
        create(connection)
        writer = _Writer(connection)
        for stamp in stamps:
            digest, name = hashes[stamp.path]
            writer.add("files", {
                "path": stamp.path, "size": stamp.size, "mtime_ns": stamp.mtime_ns, "sha256": digest, "record": name,
            })
        for taxonomy in corpus.taxonomies.values():
            for table, row in taxonomy_rows(taxonomy):
                writer.add(table, row)
        for crossing in corpus.crosswalk.crossings:
            writer.add("crossings", crossing.model_dump(include={"subject", "relation", "object", "reason"}))
            cite = crossing.cites[0] if crossing.cites else None
            writer.add("edges", {
                "record": "taxonomy:crosswalk", "head": f"node:{crossing.subject}", "type": crossing.relation,
                "tail": f"node:{crossing.object}", "status": "derived", "note": crossing.reason,
                "source": cite.source if cite else None, "locator": cite.locator if cite else None,
            })
        statements: list[Statement] = []
        for number, (name, record) in enumerate(corpus.records.items(), start=1):
            _write_record(writer, record, corpus.paths[name], number)
            statements.extend(claims_module.expand(record))
        for implementation in implementations:
            writer.add("implementations", implementation)
        writer.flush()
        _align(connection, corpus.alignment, statements)
        source_types = dict(connection.execute("SELECT key, type FROM sources"))
        resolutions = {name: record.resolutions for name, record in corpus.records.items() if record.resolutions}
        _write_claims(connection, writer, statements, source_types, resolutions)
        _finish(connection, root, stamps, implementations)
    if progress:
        progress("writing", 1, 1)


def _refuse(findings: list[Finding]) -> None:
    if findings:
        shown = "\n".join(f"  {finding}" for finding in findings[:10])
        more = f"\n  ... and {len(findings) - 10} more" if len(findings) > 10 else ""
        raise CheckFailedError(
            f"the records have {len(findings)} findings, so the database was left as it was:\n{shown}{more}\n"
            "Mend them, then build again (moe-kb check lists them all)."
        )


def _write_record(writer: _Writer, record: Record, path: str, identity: int) -> None:
    for table, row in record_rows(record, path, identity):
        writer.add(table, row)
    names, title, body = search_text(record)
    writer.add("search", {"name": names, "title": title, "body": body, "rowid": identity})
    writer.add("search_names", {"name": names, "rowid": identity})


def _align(connection: sqlite3.Connection, alignment: Alignment, statements: Iterable[Statement]) -> None:
    """Write the alignment into `table_rows` and give the rows' claims their subjects."""
    subjects: dict[str, tuple[str, str | None]] = {}
    for row in alignment.rows:
        connection.execute(
            "UPDATE table_rows SET subject = ?, configuration = ?, reason = ? WHERE record = ? AND row = ?",
            (row.subject, row.configuration, row.reason, f"table:{row.table}", row.row),
        )
        if row.subject:
            subjects[f"{row.table}#{row.row}"] = (row.subject, row.configuration)
    _give_subjects(statements, subjects)


def _give_subjects(statements: Iterable[Statement], subjects: dict[str, tuple[str, str | None]]) -> None:
    for statement in statements:
        if statement.table_row in subjects:
            statement.subject, statement.part = subjects[statement.table_row]


def _write_claims(
    connection: sqlite3.Connection, writer: _Writer, statements: list[Statement], source_types: dict[str, str],
    resolutions: dict[str, list[Resolution]],
) -> None:
    disputes = claims_module.resolve(statements, source_types, resolutions)
    (first,) = connection.execute("SELECT coalesce(max(id), 0) FROM claims").fetchone()
    identities: dict[int, int] = {}
    disputed = {id(claim) for dispute in disputes for claim in dispute.claims}
    for number, statement in enumerate(statements, start=first + 1):
        writer.add("claims", {"id": number, **claim_row(statement)})
        if id(statement) in disputed:
            identities[id(statement)] = number
    for dispute in disputes:
        note = dispute.resolution
        writer.add("disagreements", {
            "kind": dispute.kind, "subject": dispute.subject, "part": dispute.part, "field": dispute.field,
            "setting": dispute.setting, "resolved": note is not None,
            "claims": json.dumps([identities[id(claim)] for claim in dispute.claims]),
            "values_seen": "; ".join(dict.fromkeys(
                f"{claim.shown} ({claim.source}{', ' + claim.locator if claim.locator else ''})"
                for claim in dispute.claims
            )),
            "reason": f"{note.reason} ({note.source}{', ' + note.locator if note.locator else ''})" if note else None,
        })
    writer.flush()


def _finish(
    connection: sqlite3.Connection, root: Path, stamps: list[FileStamp], implementations: list[dict[str, str]]
) -> None:
    connection.execute(
        "UPDATE configurations SET released_config = 1 WHERE source IN (SELECT key FROM sources WHERE type = 'config')"
    )
    files = connection.execute("SELECT path, sha256 FROM files ORDER BY path").fetchall()
    meta = {
        "schema_version": str(SCHEMA_VERSION),
        "fingerprint": _fingerprint(implementations),
        "content_hash": hashlib.sha256(json.dumps(files).encode()).hexdigest(),
        "root": str(root),
        "built": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": str(len(files)),
    }
    connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta.items())


# --- only what changed ---------------------------------------------------------------------------------------------


def _incremental(
    root: Path, database: Path, stamps: list[FileStamp], changed: list[str], old: _State,
    implementations: list[dict[str, str]],
) -> str | None:
    """Replace the rows of changed records; None where only a full build will do (a key went away, say)."""
    fresh: list[tuple[str, Record, str]] = []
    findings: list[Finding] = []
    for path in changed:
        record, text, problems = read_model(root, path)
        findings.extend(problems)
        if record is not None:
            assert isinstance(record, Record)
            known = old.files.get(path)
            if known is not None and known[3] != record.reference:
                return None
            fresh.append((path, record, hashlib.sha256(text.encode()).hexdigest()))
    names = [record.reference for _, record, _ in fresh]
    taken = {known[3] for path, known in old.files.items() if path not in changed}
    if len(set(names)) != len(names) or taken & set(names):
        return None  # a duplicate key: the full build says it with both places
    if any(record.KIND == "source" for _, record, _ in fresh):
        return None  # a source's type ranks the claims of every record that cites it
    records = [record for _, record, _ in fresh]
    reader = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
    try:
        if _lost_something(reader, records):
            return None
        index = _index_from(reader, records)
    finally:
        reader.close()
    for path, record, _ in fresh:
        findings.extend(check_record(record, path, index, root))
    _refuse(findings)
    with _replacing(database, copy=True) as connection:
        _replace_rows(connection, fresh, {stamp.path: stamp for stamp in stamps})
        _finish(connection, root, stamps, implementations)
    return "incremental"


def _index_from(connection: sqlite3.Connection, fresh: list[Record]) -> Index:
    names = {row[0] for row in connection.execute("SELECT record FROM records")}
    names |= {f"node:{t}:{n}" for t, n in connection.execute("SELECT taxonomy, node FROM nodes WHERE node != ''")}
    names |= {record.reference for record in fresh}
    replaced = {record.reference for record in fresh}
    identifiers: dict[tuple[str, str], list[str]] = {}
    for record in fresh:
        for identifier in facts.identifiers(record):
            key = (identifier.scheme, identifier.value)
            found = connection.execute("SELECT record FROM identifiers WHERE value = ? AND scheme = ?", key[::-1])
            others = [row[0] for row in found if row[0] not in replaced]
            identifiers.setdefault(key, others).append(record.reference)
    return Index(names=names, identifiers=identifiers)


def _lost_something(connection: sqlite3.Connection, fresh: list[Record]) -> bool:
    """Whether an aligned row or configuration is gone, which the alignment file may still name."""
    for record in fresh:
        labels = {row[0] for row in connection.execute(
            "SELECT label FROM configurations WHERE record = ?", (record.reference,))}
        rows = {row[0] for row in connection.execute("SELECT row FROM table_rows WHERE record = ?", (record.reference,))}
        if record.KIND == "model" and not labels <= facts.parts(record):
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
            "SELECT record, row, subject, configuration FROM table_rows WHERE subject IS NOT NULL")
    }
    reasons = connection.execute("SELECT record, row, subject, configuration, reason FROM table_rows").fetchall()
    writer = _Writer(connection)
    (next_identity,) = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM records").fetchone()
    subjects: set[str] = set()
    for path, record, digest in fresh:
        name = record.reference
        known = connection.execute("SELECT id FROM records WHERE record = ?", (name,)).fetchone()
        identity = known[0] if known else next_identity
        next_identity += known is None
        subjects |= {name} | {row[0] for row in connection.execute(
            "SELECT DISTINCT subject FROM claims WHERE record = ?", (name,))}
        for table, column in OWNED.items():
            connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (name,))
        for table, kind in KEYED.items():
            if kind == record.KIND:
                connection.execute(f"DELETE FROM {table} WHERE key = ?", (record.key,))
        for table in ("search", "search_names"):
            connection.execute(f"DELETE FROM {table} WHERE rowid = ?", (identity,))
        _write_record(writer, record, path, identity)
        statements = list(claims_module.expand(record))
        _give_subjects(statements, aligned)
        subjects |= {statement.subject for statement in statements}
        for statement in statements:
            writer.add("claims", claim_row(statement))
        stamp = stamps[path]
        connection.execute("DELETE FROM files WHERE path = ?", (path,))
        writer.add("files", {
            "path": path, "size": stamp.size, "mtime_ns": stamp.mtime_ns, "sha256": digest, "record": name,
        })
    writer.flush()
    connection.executemany(
        "UPDATE table_rows SET subject = ?, configuration = ?, reason = ? WHERE record = ? AND row = ?",
        [(subject, configuration, reason, record, row) for record, row, subject, configuration, reason in reasons],
    )
    _resolve_again(connection, writer, sorted(subjects))


def _resolve_again(connection: sqlite3.Connection, writer: _Writer, subjects: list[str]) -> None:
    """Recompute preference and disagreements of the touched subjects only."""
    from moe_kb.db.claims import read_statements, resolutions_of

    statements: list[Statement] = []
    for subject in subjects:
        statements.extend(read_statements(connection, "subject = ?", (subject,)))
        connection.execute("DELETE FROM claims WHERE subject = ?", (subject,))
        connection.execute("DELETE FROM disagreements WHERE subject = ?", (subject,))
    source_types = dict(connection.execute("SELECT key, type FROM sources"))
    _write_claims(connection, writer, statements, source_types, resolutions_of(connection, subjects))


def _counts(database: Path) -> dict[str, int]:
    connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
    try:
        counts = Counter(dict(connection.execute("SELECT kind, count(*) FROM records GROUP BY kind").fetchall()))
        for table in ("claims", "edges"):
            (counts[table],) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    finally:
        connection.close()
    return dict(counts)
