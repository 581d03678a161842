"""The audit's issues, kept beside the database: computed once for each state of the records, read in milliseconds.

They are not in the database itself, since a build should not wait for rules that look at everything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from moe_kb.audit.issue import Issue, Waived
from moe_kb.claims.claim import Claim
from moe_kb.db.connect import DAMAGED, reading
from moe_kb.db.replacing import replacing
from moe_kb.errors import DatabaseError

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE issues (position INTEGER PRIMARY KEY, rule TEXT NOT NULL, content TEXT NOT NULL);
CREATE TABLE concerns (record TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (record, position)) WITHOUT ROWID;
"""


def beside(database: Path) -> Path:
    """Where the issues of a database are kept."""
    return database.with_name(f"{database.stem}.issues{database.suffix}")


def state_of(meta: Mapping[str, str]) -> str:
    """What the issues depend on: the records and the code, in a short text."""
    return hashlib.sha256(f"{meta.get('fingerprint')} {meta.get('content_hash')}".encode()).hexdigest()


def read(database: Path, state: str, record: str | None = None) -> list[Issue] | None:
    """Issues kept for this state (that concern one record); None where they are of another state, or not there."""
    path = beside(database)
    if not path.is_file():
        return None
    with suppress(*DAMAGED), reading(path) as connection:  # damaged: computed anew
        if connection.execute("SELECT value FROM meta WHERE key = 'state'").fetchone() == (state,):
            rows = connection.execute(
                "SELECT content FROM issues WHERE ?1 IS NULL "
                "OR position IN (SELECT position FROM concerns WHERE record = ?1) ORDER BY position",
                (record,),
            )
            return [_issue(json.loads(content)) for (content,) in rows]
    return None


def write(database: Path, state: str, issues: Sequence[Issue]) -> None:
    """Keep issues; where nothing can be written (a read-only folder, a full disk) they are computed again next time."""
    with suppress(DatabaseError), replacing(beside(database)) as connection:
        for table in filter(str.strip, _TABLES.split(";")):
            connection.execute(table)
        connection.execute("INSERT INTO meta VALUES ('state', ?)", (state,))
        for position, issue in enumerate(issues):
            content = json.dumps(asdict(issue), ensure_ascii=False)
            connection.execute("INSERT INTO issues VALUES (?, ?, ?)", (position, issue.rule, content))
            connection.executemany(
                "INSERT INTO concerns VALUES (?, ?)", [(record, position) for record in issue.records]
            )


def _issue(data: dict[str, Any]) -> Issue:
    waived = data.pop("waived")
    claims = tuple(Claim(**claim) for claim in data.pop("claims"))
    sources, others = tuple(data.pop("sources")), tuple(data.pop("others"))
    return Issue(**data, sources=sources, others=others, claims=claims, waived=Waived(**waived) if waived else None)
