"""Reading claims, and where they do not agree, back from the database."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from moe_kb.claims.claim import Claim

if TYPE_CHECKING:
    from moe_kb.records.base import Resolution

#: As the fields of `Claim`, and at the end the value as a number.
_COLUMNS = (
    "record, subject, configuration, field, value, source, locator, printed, unit, status, counting, scope, setting, "
    "table_row, note, preferred, repeats, number"
)


def read_claims(connection: sqlite3.Connection, where: str, parameters: Sequence[Any]) -> list[Claim]:
    """Claims that meet a condition, in the order they were written; `where` is ours, never a person's."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM claims WHERE {where} ORDER BY id", tuple(parameters))
    return [_claim(list(row)) for row in rows]


def _claim(row: list[Any]) -> Claim:
    number = row.pop()
    row[4] = _value(row[4], number)
    row[-2:] = map(bool, row[-2:])
    return Claim(*row)


def _value(text: str, number: float | None) -> Any:
    """The value of which `Claim.text` is the text (true and false come back as text)."""
    if number is not None:
        return int(text) if re.fullmatch(r"-?\d+", text) else float(number)
    if text.startswith("["):
        try:
            value = json.loads(text)
        except ValueError:
            return text
        return value if json.dumps(value, ensure_ascii=False) == text else text
    return text


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Claims about one field that do not agree (`values`) or whose counting is unclear (`counting`).

    Or a resolving note that no claim bears out (`note`).
    """

    kind: Literal["values", "counting", "note"]
    subject: str
    configuration: str | None
    field: str
    setting: str | None
    claims: tuple[Claim, ...]
    """The claims concerned, the one shown first at the front."""
    resolved: bool
    reason: str | None


def read_disagreements(connection: sqlite3.Connection, subject: str | None, *, resolved: bool) -> list[Disagreement]:
    """Disagreements (about one record, by its full name), those that a note has resolved only where asked."""
    rows = connection.execute(
        "SELECT kind, subject, configuration, field, setting, resolved, reason, claims FROM disagreements "
        "WHERE subject = coalesce(?, subject) AND (? OR NOT resolved) ORDER BY subject, configuration, field",
        (subject, resolved),
    ).fetchall()
    found = []
    for kind, about, configuration, field, setting, is_resolved, reason, ids in rows:
        claims = tuple(read_claims(connection, "id = ?", (i,))[0] for i in json.loads(ids))
        found.append(Disagreement(kind, about, configuration, field, setting, claims, bool(is_resolved), reason))
    return found


def resolutions_of(connection: sqlite3.Connection, subjects: Iterable[str]) -> dict[str, list[Resolution]]:
    """Resolving notes of records, by full name."""
    from moe_kb.records.base import Resolution

    found: dict[str, list[Resolution]] = {}
    for subject in subjects:
        row = connection.execute(
            "SELECT content FROM records WHERE record = ? AND content LIKE '%\"resolutions\"%'", (subject,)
        ).fetchone()
        if row:
            notes = json.loads(row[0]).get("resolutions", [])
            found[subject] = [Resolution.model_validate(note) for note in notes]
    return found
