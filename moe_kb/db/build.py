"""Building the database: whole, or only what changed."""

from __future__ import annotations

import gc
import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import BaseModel

from moe_kb.checks import check_corpus, refuse
from moe_kb.claims.claim import Claim
from moe_kb.claims.expand import expand
from moe_kb.corpus import SINGLE, Corpus, unusable
from moe_kb.db import incremental
from moe_kb.db.connect import DAMAGED, reading
from moe_kb.db.ddl import create, create_indexes
from moe_kb.db.indexing import write_index, write_places, write_short_forms
from moe_kb.db.installed import installed_implementations, installed_result_rows
from moe_kb.db.manifest import Code, Manifest, read_manifest, restamp
from moe_kb.db.rehearsal import rehearse
from moe_kb.db.replacing import replacing
from moe_kb.db.rows import edge_row, guide_rows, taxonomy_rows
from moe_kb.db.write import Writer, align, finish, write_claims, write_record
from moe_kb.errors import DatabaseError, MoeKbError
from moe_kb.files import sweep
from moe_kb.records import Record
from moe_kb.stamps import FileStamp, scan

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
        DatabaseError: The database cannot be written there.
    """
    begun = time.perf_counter()
    if database.is_dir():
        raise DatabaseError(f"{database} is a folder. Name a file.")
    sweep(database.parent)  # another build may have done what a killed one had begun
    stamps = scan(root)
    code = Code.now()
    old = None if force else read_manifest(database)
    done = None
    if old is not None and old.fingerprint == code.fingerprint:
        # A database damaged beyond the pages that were read so far is built anew.
        with suppress(*DAMAGED):
            done = _refresh(root, database, stamps, old, code)
    if done is None:
        with _collector_paused():
            _full(root, database, stamps, code, progress)
        done = "full", len(stamps), _counts(database)
    mode, read, counts = done
    return BuildReport(database, mode, time.perf_counter() - begun, len(stamps), read, counts)


def _refresh(
    root: Path, database: Path, stamps: list[FileStamp], old: Manifest, code: Code
) -> tuple[str, int, dict[str, int]] | None:
    """Mode, number of files read, and counts; None where only a full build will do."""
    changed, removed = old.changes(root, stamps)
    if not changed and not removed:
        stamp = code.stamp(stamps)
        if old.touched or old.stamp != stamp:
            restamp(database, old.touched, stamp)
        return "unchanged", 0, _counts(database)
    if removed or any(path in SINGLE or not path.startswith("data/") for path in changed):
        return None
    try:
        if not incremental.refresh(root, database, stamps, changed, old, code):
            return None
    except (MoeKbError, OSError, MemoryError, sqlite3.OperationalError):
        raise
    except Exception:  # a hole in schema and rules: the full build names the file
        return None
    return "incremental", len(changed), _counts(database)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Reading makes millions of objects and hardly a cycle; the collector would walk all of them over and over."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _full(root: Path, database: Path, stamps: list[FileStamp], code: Code, progress: Progress | None) -> None:
    hashes: dict[str, tuple[str, str | None]] = {}

    def note(path: str, record: BaseModel | None, text: str) -> None:
        name = record.reference if isinstance(record, Record) else None
        hashes[path] = (hashlib.sha256(text.encode()).hexdigest(), name)
        if progress and (len(hashes) % 200 == 0 or len(hashes) == len(stamps)):
            progress("reading", len(hashes), len(stamps))

    corpus = Corpus.load(root, stamps, each=note)
    refuse(check_corpus(corpus))
    if progress:
        progress("writing", 0, 1)
    try:
        _write(root, database, corpus, hashes, code)
    except (MoeKbError, OSError, MemoryError, sqlite3.OperationalError):
        raise
    except Exception as error:  # a hole in schema and rules: the file that made it is named
        refuse(rehearse(corpus) or [unusable("data", error)])
    if progress:
        progress("writing", 1, 1)


def _write(root: Path, database: Path, corpus: Corpus, hashes: dict[str, tuple[str, str | None]], code: Code) -> None:
    with replacing(database) as connection:
        create(connection)
        writer = Writer(connection)
        for stamp in corpus.stamps:
            digest, name = hashes[stamp.path]
            writer.add("files", {**asdict(stamp), "sha256": digest, "record": name})
        for taxonomy in corpus.taxonomies.values():
            for table, row in taxonomy_rows(taxonomy):
                writer.add(table, row)
        for mapping in corpus.crosswalk.mappings:
            writer.add("mappings", dict(mapping))
            cite = mapping.cites[0] if mapping.cites else None
            ends = (f"node:{mapping.subject}", mapping.relation, f"node:{mapping.object}")
            writer.add(*edge_row("taxonomy:crosswalk", *ends, cite, note=mapping.reason, status="derived"))
        claims: list[Claim] = []
        for number, (name, record) in enumerate(corpus.records.items(), start=1):
            write_record(writer, record, corpus.paths[name], number)
            claims.extend(expand(record))
        for implementation in installed_implementations():
            writer.add("implementations", implementation)
        for table, row in installed_result_rows():
            writer.add(table, row)
        for waiver in corpus.waivers.waivers:
            writer.add("waivers", waiver.model_dump())
        for organisation in corpus.organisations.organisations:
            for spelling in (organisation.name, *organisation.aliases):
                writer.add("organisations", {"spelling": spelling, "name": organisation.name})
        for term in corpus.glossary.terms:
            writer.add("glossary", {**dict(term), "short": json.dumps(term.short), "see": json.dumps(term.see)})
        for route in corpus.routes.routes:
            writer.add("routes", dict(route))
            for position, stop in enumerate(route.stops, start=1):
                writer.add("route_stops", {**dict(stop), "route": route.key, "position": position})
        write_short_forms(writer, corpus.short_forms, corpus.organisations)
        for table, row in guide_rows(corpus.guide):
            writer.add(table, row)
        writer.flush()
        write_index(connection, writer, dict(enumerate(corpus.records.values(), start=1)))
        write_places(connection, writer)
        align(connection, corpus.alignment, claims)
        source_types = dict(connection.execute("SELECT key, type FROM sources"))
        resolutions = {name: record.resolutions for name, record in corpus.records.items() if record.resolutions}
        write_claims(connection, writer, claims, source_types, resolutions)
        create_indexes(connection)
        finish(connection, root, corpus.stamps, code)


def _counts(database: Path) -> dict[str, int]:
    with reading(database) as connection:
        return dict(
            connection.execute(
                "SELECT * FROM (SELECT kind, count(*) FROM records GROUP BY kind ORDER BY kind) "
                "UNION ALL SELECT 'claims', count(*) FROM claims UNION ALL SELECT 'edges', count(*) FROM edges"
            ).fetchall()
        )
