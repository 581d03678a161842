"""The SQL console: read-only by construction, bounded in time, memory and rows.

`mode=ro` alone is not enough: ATTACH creates and writes files, VACUUM INTO copies out, `PRAGMA query_only = 0` undoes
query_only, and one call of randomblob or printf can ask for gigabytes between two ticks of a progress handler. So all
of these hold together: a read-only connection, an authorizer that allows listed actions and listed functions, limits on
lengths and expression depth, a progress handler, one statement, and a bounded fetch.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moe_kb.db.connect import connect
from moe_kb.errors import QueryError

MAX_ROWS = 10_000
MAX_SECONDS = 5.0
MAX_VALUE_BYTES = 1_000_000
MAX_RESULT_BYTES = 50_000_000

#: Pure functions whose result is no larger than their arguments allow. randomblob, zeroblob, printf/format, replicate
#: by replace, load_extension, fts3_tokenizer, writefile, edit and everything unknown are refused.
FUNCTIONS = frozenset(
    """abs avg bm25 ceil ceiling changes char coalesce concat concat_ws count cume_dist date datetime dense_rank exp
    first_value floor glob group_concat highlight hex if ifnull iif instr json json_array json_array_length json_each
    json_extract json_group_array json_group_object json_object json_quote json_tree json_type json_valid julianday lag
    last_value lead length like ln log log10 log2 lower ltrim match max median min mod nth_value ntile nullif
    octet_length percent_rank percentile pow power quote rank replace round row_number rtrim sign snippet sqrt strftime
    string_agg substr substring subtype sum time timediff total trim trunc typeof unicode unixepoch upper -> ->>
    """.split()  # noqa: SIM905  a list of words reads better as words
)

_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}
_PRAGMAS = frozenset({"data_version"})  # FTS5 asks for it


@dataclass(frozen=True)
class QueryResult:
    """Rows of a query."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    truncated: bool
    """Whether more rows exist than were fetched."""
    seconds: float


def _authorize(action: int, first: str | None, second: str | None, database: str | None, source: str | None) -> int:
    if action in _ALLOWED:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_OK if (second or "").lower() in FUNCTIONS else sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA and (first or "").lower() in _PRAGMAS and second is None:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def run_query(
    database: Path,
    sql: str,
    parameters: tuple[Any, ...] = (),
    *,
    max_rows: int = MAX_ROWS,
    max_seconds: float = MAX_SECONDS,
) -> QueryResult:
    """Run one SELECT on the database and return at most `max_rows` rows.

    Raises:
        QueryError: The statement is not one SELECT, asks for something refused, takes too long, or is wrong SQL.
    """
    if "\x00" in sql:
        raise QueryError("the query holds a NUL character. Remove it.")
    if len(sql) > 100_000:
        raise QueryError("the query is longer than 100,000 characters. Shorten it.")
    if not sql.strip().strip(";").strip():
        raise QueryError("the query is empty. Try: SELECT name, year FROM papers ORDER BY year LIMIT 10")
    connection = connect(database)
    try:
        return _guarded(connection, sql, parameters, max_rows, max_seconds)
    finally:
        connection.close()


def _guarded(
    connection: sqlite3.Connection, sql: str, parameters: tuple[Any, ...], max_rows: int, max_seconds: float
) -> QueryResult:
    # FTS5 prepares statements of its own when first touched; the authorizer would refuse some of them later.
    connection.execute("SELECT rowid FROM search WHERE search MATCH 'a' LIMIT 1").fetchall()
    connection.execute("SELECT rowid FROM search_names WHERE search_names MATCH 'abc' LIMIT 1").fetchall()
    for limit, value in (
        (sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES),
        (sqlite3.SQLITE_LIMIT_SQL_LENGTH, 200_000),
        (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
        (sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 50),
        (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 200),
        (sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 200),
        (sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0),
    ):
        connection.setlimit(limit, value)
    # A sort or a materialised subquery may spill: keep it in memory, where the time limit bounds it too.
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -65536")
    begun = time.monotonic()
    connection.set_progress_handler(lambda: time.monotonic() - begun > max_seconds, 10_000)
    connection.set_authorizer(_authorize)
    try:
        cursor = connection.execute(sql, parameters)
        if cursor.description is None:
            raise QueryError("only a SELECT can be run here. The database is read-only: change the records instead.")
        columns = _unique([column[0] for column in cursor.description])
        rows: list[tuple[Any, ...]] = []
        size = 0
        for row in cursor:
            if len(rows) >= max_rows:
                return QueryResult(columns, rows, True, time.monotonic() - begun)
            size += sum(len(value) if isinstance(value, (str, bytes)) else 8 for value in row)
            if size > MAX_RESULT_BYTES:
                raise QueryError(f"the result is larger than {MAX_RESULT_BYTES // 10**6} MB. Select fewer columns.")
            rows.append(row)
        return QueryResult(columns, rows, False, time.monotonic() - begun)
    except sqlite3.Error as error:
        raise QueryError(_explain(error, max_seconds)) from None
    except MemoryError:
        raise QueryError("the query needs more memory than there is. Add a LIMIT.") from None


def _explain(error: sqlite3.Error, max_seconds: float) -> str:
    text = str(error)
    if "interrupted" in text:
        return f"stopped after {max_seconds:g} seconds. Add a WHERE or a LIMIT, or join on keys."
    if "not authorized" in text or "prohibited" in text:
        return f"refused: {text}. Only SELECT over this database's tables, with its listed functions, is allowed."
    if "one statement" in text:
        return "one statement at a time. Remove everything after the first semicolon."
    if "too big" in text or "too large" in text:
        return f"a value is larger than {MAX_VALUE_BYTES // 10**6} MB. Select less of it."
    return f"{text}. The tables and columns are listed by: SELECT * FROM dictionary"


def _unique(names: list[str]) -> list[str]:
    """Column names made unique, since tables and files of rows need that."""
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return out
