"""The build without the database: what a record's values would break shows before anything is written.

Schema and rules should refuse all that a build cannot take. Where they have a hole, this is the net: whatever goes
wrong while a record becomes rows and claims is a finding that names its file, and no traceback.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from moe_kb.claims.claim import Claim
from moe_kb.claims.expand import expand
from moe_kb.claims.resolve import resolve
from moe_kb.corpus import Corpus, Finding, unusable
from moe_kb.db.rows import claim_row, record_rows, search_text, taxonomy_rows
from moe_kb.folding import fold
from moe_kb.records import Source


def rehearse(corpus: Corpus) -> list[Finding]:
    """A finding for every file whose record cannot become rows, claims, or claims beside those of others."""
    findings: list[Finding] = []
    claims: dict[str, list[Claim]] = defaultdict(list)
    subjects = {
        f"{row.table}#{row.row}": (row.subject, row.configuration) for row in corpus.alignment.rows if row.subject
    }
    with closing(sqlite3.connect(":memory:")) as connection:
        for name, record in corpus.records.items():
            with _found(findings, corpus.paths[name]):
                for _, row in record_rows(record, corpus.paths[name], 1):
                    _bind(connection, row)
                _bind(connection, {"name": fold(record.name), "text": "".join(search_text(record))})
                for claim in expand(record):
                    _bind(connection, claim_row(claim))
                    if claim.table_row in subjects:
                        claim.subject, claim.configuration = subjects[claim.table_row]
                    claims[claim.subject].append(claim)
        for key, taxonomy in corpus.taxonomies.items():
            with _found(findings, corpus.paths[f"taxonomy:{key}"]):
                for _, row in taxonomy_rows(taxonomy):
                    _bind(connection, row)
    source_types = {source.key: source.type for source in corpus.of(Source)}
    for subject, group in claims.items():
        about = corpus.records.get(subject)
        with _found(findings, *sorted({corpus.paths[claim.record] for claim in group})):
            resolve(group, source_types, {subject: about.resolutions} if about else {})
    return findings


@contextmanager
def _found(findings: list[Finding], *paths: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a net has to hold what nobody thought of
        findings.extend(unusable(path, error) for path in paths)


def _bind(connection: sqlite3.Connection, row: dict[str, Any]) -> None:
    """Let SQLite take a row's values, as far as they are of types that it stores."""
    values = [value for value in row.values() if isinstance(value, (str, int, float))]
    connection.execute(f"SELECT {', '.join('?' * len(values))}", values)
