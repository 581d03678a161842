"""The process in which the console runs a query: a request on standard input, the answer on standard output.

Run as a file, with the standard library alone, so that it starts in a few hundredths of a second. `mode=ro` alone is
not enough: ATTACH creates and writes files, VACUUM INTO copies out, `PRAGMA query_only = 0` undoes query_only, and one
call of randomblob or printf can ask for gigabytes between two ticks of a progress handler. So all of these hold
together: a read-only connection, an authorizer that allows listed actions and listed functions, limits on lengths,
columns and expression depth, a progress handler, one statement, and a bounded fetch.

A process of its own, because SQLite cannot be stopped inside one operation: a MATCH expression of thousands of NEARs,
instr or trim of two long texts run for minutes there, and preparing a chain of CTEs that each name the one before twice
takes all memory. The process has a limit on its memory, and `console` kills it when its time is up.
"""

from __future__ import annotations

import marshal
import sqlite3
import sys
import time
from typing import Any

MAX_VALUE_BYTES = 1_000_000
MAX_RESULT_BYTES = 50_000_000
MAX_COLUMNS = 100
#: SQLite's own memory: sorts and materialised subqueries are kept there.
MAX_HEAP_BYTES = 256_000_000
#: The whole process, results included.
MAX_PROCESS_BYTES = 1_000_000_000

#: Pure functions whose result is no larger than their arguments allow. randomblob, zeroblob, printf/format,
#: load_extension, fts3_tokenizer, writefile, edit and everything unknown are refused.
FUNCTIONS = frozenset(
    """abs avg bm25 ceil ceiling changes char coalesce concat concat_ws count cume_dist date datetime dense_rank exp
    first_value floor glob group_concat highlight hex if ifnull iif instr json json_array json_array_length json_each
    json_extract json_group_array json_group_object json_object json_quote json_tree json_type json_valid julianday lag
    last_value lead length like ln log log10 log2 lower ltrim match max median min mod nth_value ntile nullif
    octet_length percent_rank percentile pow power quote rank replace round row_number rtrim sign snippet sqrt strftime
    string_agg substr substring subtype sum time timediff total trim trunc typeof unicode unixepoch upper -> ->>
    """.split()  # noqa: SIM905  a list of words reads better as words
)
_ACTIONS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}
_PRAGMAS = frozenset({"data_version"})  # FTS5 asks for it


def main() -> None:
    """Answer one request: (database URI, SQL, rows, bytes or None, seconds), marshalled both ways."""
    uri, sql, max_rows, max_bytes, max_seconds = marshal.load(sys.stdin.buffer)
    _limit_resources(max_seconds)
    try:
        answer: Any = run(uri, sql, max_rows, max_bytes, max_seconds)
    except (sqlite3.Error, sqlite3.Warning) as error:
        answer = str(error)
    except (MemoryError, OverflowError) as error:
        answer = "out of memory" if isinstance(error, MemoryError) else "too big"
    marshal.dump(answer, sys.stdout.buffer)


def _limit_resources(max_seconds: float) -> None:
    try:
        import resource
    except ImportError:  # not a Unix: SQLite's own limit still holds
        return
    # Of processor time there is more than `console` waits for: it ends a query whose console was killed.
    wanted = {resource.RLIMIT_AS: MAX_PROCESS_BYTES, resource.RLIMIT_CPU: int(max_seconds) + 10}
    for kind, most in wanted.items():
        _, hard = resource.getrlimit(kind)
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (limit, limit))


def run(
    uri: str, sql: str, max_rows: int, max_bytes: int | None, max_seconds: float
) -> tuple[list[str], list[tuple[object, ...]], bool]:
    """Column names, rows, and whether there are more; raises what `sqlite3` raises."""
    connection = sqlite3.connect(uri, uri=True)
    connection.execute("PRAGMA query_only = 1")
    # FTS5 and the JSON tables prepare statements of their own when first touched, which the authorizer would refuse.
    connection.execute("SELECT rowid FROM search WHERE search MATCH 'a' LIMIT 1").fetchall()
    connection.execute("SELECT rowid FROM search_names WHERE search_names MATCH 'abc' LIMIT 1").fetchall()
    connection.execute("SELECT rowid FROM search_places WHERE search_places MATCH 'a' LIMIT 1").fetchall()
    connection.execute("SELECT 1 FROM json_each('[]'), json_tree('[]')").fetchall()
    for limit, value in (
        (sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES),
        (sqlite3.SQLITE_LIMIT_COLUMN, MAX_COLUMNS),
        (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
        (sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 50),
        (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 200),
        (sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 200),
        (sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0),
    ):
        connection.setlimit(limit, value)
    # A sort or a materialised subquery would otherwise fill the disk.
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -65536")
    connection.execute(f"PRAGMA hard_heap_limit = {MAX_HEAP_BYTES}")
    begun = time.monotonic()
    connection.set_progress_handler(lambda: time.monotonic() - begun > max_seconds, 10_000)
    connection.set_authorizer(_authorize)
    cursor = connection.execute(sql)
    if cursor.description is None:
        raise sqlite3.Error("not a SELECT")
    columns = [column[0] for column in cursor.description]
    rows: list[tuple[object, ...]] = []
    size = 0
    for row in cursor:
        if len(rows) >= max_rows:
            return columns, rows, True
        size += sum(map(_bytes_of, row))
        if max_bytes is not None and size > max_bytes:
            return columns, rows, True
        if size > MAX_RESULT_BYTES:
            raise sqlite3.Error("result too large")
        rows.append(row)
    return columns, rows, False


def _bytes_of(value: object) -> int:
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode())
    return len(value) if isinstance(value, bytes) else 8


def _authorize(action: int, first: str | None, second: str | None, database: str | None, source: str | None) -> int:
    if action in _ACTIONS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_OK if (second or "").lower() in FUNCTIONS else sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA and (first or "").lower() in _PRAGMAS and second is None:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


if __name__ == "__main__":
    main()
