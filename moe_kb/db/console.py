"""The SQL console: one read-only SELECT, bounded in time, memory and rows, and in how many run at once.

The guards on what a query may do are in `sandbox`.
"""

from __future__ import annotations

import difflib
import marshal
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moe_kb.db import sandbox
from moe_kb.db.connect import CHANGED, connect
from moe_kb.errors import BusyError, QueryError

MAX_ROWS = 10_000
MAX_SECONDS = 5.0
MAX_SQL = 20_000
LONGEST_NAME = 80
#: Queries of this process that run at once, and the seconds that another waits for its turn.
MAX_AT_ONCE = 2
MAX_WAIT = 10.0
#: Seconds between two looks at whether anybody still waits for the answer.
_LOOK = 0.1
_turns = threading.BoundedSemaphore(MAX_AT_ONCE)
#: Seconds beyond the limit before the process is killed: starting it, and handing over the rows.
_GRACE = 2.0


@dataclass(frozen=True)
class QueryResult:
    """Rows of a query."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    truncated: bool
    """Whether more rows exist than were fetched."""
    seconds: float


def run_query(
    database: Path,
    sql: str,
    *,
    max_rows: int = MAX_ROWS,
    max_bytes: int | None = None,
    max_seconds: float = MAX_SECONDS,
    waiting: Callable[[], object] | None = None,
) -> QueryResult:
    """Run one SELECT on the database and return at most `max_rows` rows.

    Args:
        database: The database file.
        sql: The statement.
        max_rows: Rows after which the result is cut off.
        max_bytes: Bytes of text and numbers after which it is cut off; a result beyond the sandbox's limit is refused
            where none is given.
        max_seconds: Seconds after which the query is stopped.
        waiting: Called some ten times a second until the answer is there; what it raises stops the query.

    Raises:
        QueryError: The statement is not one SELECT, asks for something refused, takes too long, or is wrong SQL.
        BusyError: As many queries run as may at once, and none ended in time.
        DatabaseError: The database cannot be read.
    """
    if "\x00" in sql:
        raise QueryError("the query holds a NUL character. Remove it.")
    if len(sql) > MAX_SQL:
        raise QueryError(f"the query is longer than {MAX_SQL:,} characters. Shorten it.")
    if not sql.strip().strip(";").strip():
        raise QueryError("the query is empty. Try: SELECT name, year FROM papers ORDER BY year LIMIT 10")
    try:
        sql.encode()
    except UnicodeEncodeError:
        raise QueryError("the query holds bytes that are not UTF-8 text. Remove them.") from None
    connect(database).close()
    request = marshal.dumps((f"{database.absolute().as_uri()}?mode=ro", sql, max_rows, max_bytes, max_seconds))
    look = waiting or (lambda: None)
    _take_turn(look)
    try:
        begun = time.monotonic()
        answer = _ask(request, max_seconds, look)
    finally:
        _turns.release()
    if isinstance(answer, str):
        raise QueryError(_explain(answer, max_seconds, lambda: _columns(database), sql))
    columns, rows, truncated = answer
    return QueryResult(_unique(columns), rows, truncated, time.monotonic() - begun)


def _take_turn(look: Callable[[], object]) -> None:
    end = time.monotonic() + MAX_WAIT
    while not _turns.acquire(timeout=_LOOK):
        look()
        if time.monotonic() > end:
            raise BusyError(f"{MAX_AT_ONCE} other queries run, and none ended in {MAX_WAIT:g} seconds. Try again soon.")


def _ask(request: bytes, max_seconds: float, look: Callable[[], object]) -> Any:
    """The sandbox's answer: columns, rows and whether there are more, or the text of an error."""
    command = [sys.executable, "-I", "-S", sandbox.__file__]
    end = time.monotonic() + max_seconds + _GRACE
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            given: bytes | None = request
            while True:
                try:
                    answer, _ = process.communicate(given, timeout=_LOOK)
                    break
                except subprocess.TimeoutExpired:
                    given = None  # it is on its way
                if time.monotonic() > end:
                    return "interrupted"
                look()
        finally:
            process.kill()
    try:
        return marshal.loads(answer)
    except (EOFError, ValueError, TypeError):
        return "out of memory"  # the process fell at its limit before it could say so


def _columns(database: Path) -> dict[str, list[str]]:
    """The columns of every table and view that may be asked, by its name."""
    columns: dict[str, list[str]] = {}
    with closing(connect(database)) as connection:
        for table, column in connection.execute("SELECT table_name, column_name FROM dictionary"):
            columns.setdefault(table, []).extend([column] if column else [])
    return columns


def _near(text: str, sql: str, columns: Mapping[str, Sequence[str]]) -> str:
    """What may have been meant by a table or column that does not exist: `no column nme in papers: name?`.

    Empty where the message is about something else, or nothing is near.
    """
    unknown = re.match(r"no such (table|column): (?:\w+\.)?(\S+)", text)
    if not unknown:
        return ""
    what, name = unknown.groups()
    words = {word.lower() for word in re.findall(r"\w+", sql)}
    asked = [table for table in columns if table.lower() in words]
    known = list(columns) if what == "table" else list(dict.fromkeys(c for table in asked for c in columns[table]))
    folded = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name[:LONGEST_NAME].lower(), folded, n=3, cutoff=0.6)
    close += [whole for whole in folded if name.lower() in whole.split("_") and whole not in close][:3]
    if not close:
        return ""
    where = f" in {', '.join(asked)}" if what == "column" else ""
    return f"no {what} {name}{where}: {' or '.join(folded[candidate] for candidate in close)}?"


def _explain(text: str, max_seconds: float, columns: Callable[[], Mapping[str, Sequence[str]]], sql: str) -> str:
    if "interrupted" in text:
        return f"stopped after {max_seconds:g} seconds. Add a WHERE or a LIMIT, or join on keys."
    if "not a SELECT" in text:
        return "only a SELECT can be run here. The database is read-only: change the records instead."
    if "not authorized" in text or "prohibited" in text:
        return f"refused: {text}. Only SELECT over this database's tables, with its listed functions, is allowed."
    if "one statement" in text:
        return "one statement at a time. Remove everything after the first semicolon."
    if "result too large" in text:
        return f"the result is larger than {sandbox.MAX_RESULT_BYTES // 10**6} MB. Select fewer columns or rows."
    if "xpression tree" in text or "parser stack" in text or "too many terms" in text:
        return f"the query is nested too deeply or too long ({text}). Take it apart, with WITH for example."
    if "too big" in text:
        return f"a value is larger than {sandbox.MAX_VALUE_BYTES // 10**6} MB. Select less of it."
    if "too many columns" in text:
        return f"more than {sandbox.MAX_COLUMNS} columns. Select fewer."
    if "malformed" in text or "not a database" in text:
        return f"the database is damaged ({text}). Run: moe-kb build --force"
    if "memory" in text:
        return "the query needs more memory than it may have. Add a WHERE or a LIMIT."
    unknown = re.match(r"no such (?:table|column): (?:\w+\.)?(\w+)", text)
    renamed = [f"{old} is {new}" for old, new, _ in CHANGED if unknown and old.rpartition(".")[2] == unknown[1]]
    hint = f" Renamed: {'; '.join(renamed)}." if renamed else ""
    if not hint and unknown and (near := _near(text, sql, columns())):
        return near
    return f"{text}.{hint} The tables and columns are listed by: SELECT * FROM dictionary"


def _unique(names: list[str]) -> list[str]:
    """Column names made unique, since tables and files of rows need that."""
    out: dict[str, None] = {}
    for name in names:
        number, unique = 1, name
        while unique in out or (number > 1 and unique in names):
            number += 1
            unique = f"{name}_{number}"
        out[unique] = None
    return list(out)
