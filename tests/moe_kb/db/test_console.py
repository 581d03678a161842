"""The SQL console under attack: refused or bounded in time, memory and size, and the database file unchanged."""

# ruff: noqa: E501  queries are tables of examples

import hashlib
import re
import shutil
import subprocess
import sys
import threading
import time

import psutil
import pytest
from databases import damage_table
from trees import many_papers

from moe_kb.db import console, sandbox
from moe_kb.db.console import MAX_SQL, run_query
from moe_kb.db.views import VIEWS
from moe_kb.errors import BusyError, DatabaseError, QueryError
from moe_kb.kb import open_kb

SECONDS = 0.5
#: What a query may take before the test calls it unbounded; machines under load are slow.
PATIENCE = 30.0

#: Nine hundred thousand letters, a text of `[1,1,…`, and numbers without end.
LONG = "replace(replace(replace(replace(replace('aaaaaaaaaa','a','aaaaaaaaaa'),'a','aaaaaaaaaa'),'a','aaaaaaaaaa'),'a','aaaaaaaaaa'),'a','aaaaaaaaa')"
HALF = LONG.removesuffix("'aaaaaaaaa')") + "'aaaa')"
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
TEXTS = f"{ENDLESS}, m AS MATERIALIZED (SELECT {LONG} AS s)"


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    folder = tmp_path_factory.mktemp("console")
    return open_kb(many_papers(folder / "tree", 150), database=folder / "kb.db").database


@pytest.fixture(autouse=True)
def _unchanged(database):
    """No query, whatever it asks for, changes the file, leaves files beside it, or takes for ever."""
    before = hashlib.sha256(database.read_bytes()).hexdigest(), sorted(database.parent.iterdir())
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < PATIENCE
    assert (hashlib.sha256(database.read_bytes()).hexdigest(), sorted(database.parent.iterdir())) == before


def refused(database, sql: str, match: str = ".") -> str:
    with pytest.raises(QueryError, match=match) as caught:
        run_query(database, sql, max_seconds=SECONDS)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("sql", [
    "ATTACH 'stolen.db' AS other", "DETACH main", "VACUUM", "VACUUM INTO 'copy.db'", "PRAGMA query_only = 0",
    "PRAGMA database_list", "PRAGMA table_info(papers)", "PRAGMA hard_heap_limit = 0",
    "SELECT * FROM pragma_database_list", "SELECT * FROM pragma_table_info('papers')", "SELECT load_extension('evil')",
    "SELECT load_extension('/lib/x86_64-linux-gnu/libc.so.6', 'system')", "SELECT readfile('/etc/passwd')",
    "SELECT writefile('/tmp/x', 'x')", "SELECT edit('x', 'vi')", "SELECT fts3_tokenizer('simple')", "SELECT fts5(?1)",
    "SELECT sqlite_compileoption_get(1)", "SELECT randomblob(900000000)", "SELECT hex(zeroblob(900000000))",
    "SELECT printf('%.*c', 900000000, 'x')", "SELECT format('%900000000d', 1)", "SELECT * FROM dbstat",
    "SELECT * FROM sqlite_stmt", "SELECT * FROM sqlite_dbpage", "INSERT INTO papers(key) VALUES ('x')",
    "REPLACE INTO meta VALUES ('schema_version', '0')", "UPDATE papers SET title = 'x'", "DELETE FROM papers",
    "DROP TABLE papers", "ALTER TABLE papers RENAME TO x", "CREATE TABLE x (a)", "CREATE TEMP TABLE x AS SELECT 1",
    "CREATE TEMP VIEW x AS SELECT 1", "CREATE VIRTUAL TABLE temp.x USING fts5(a)",
    "CREATE TEMP TRIGGER x AFTER INSERT ON papers BEGIN SELECT 1; END", "CREATE INDEX x ON papers(title)", "REINDEX",
    "ANALYZE", "INSERT INTO search(search) VALUES ('rebuild')", "INSERT INTO search(search, rank) VALUES ('pgsz', 1)",
    "UPDATE sqlite_schema SET sql = ''", "BEGIN", "COMMIT", "SAVEPOINT x", "WITH x AS (SELECT 1) DELETE FROM papers",
    "EXPLAIN DELETE FROM papers", "DELETE FROM papers RETURNING *", "/* harmless */ DROP TABLE papers -- SELECT",
])  # fmt: skip
def test_what_is_no_plain_select_is_refused(database, sql):
    refused(database, sql)


@pytest.mark.parametrize(
    ("sql", "match"),
    [
        ("SELECT 1; SELECT 2", "one statement at a time"),
        ("SELECT 1; DROP TABLE papers", "one statement at a time"),
        ("SELECT 1 /* ; */; DELETE FROM papers", "one statement at a time"),
        ("SELECT 1\x00; DROP TABLE papers", "NUL character"),
        ("SELECT '\ud800'", "not UTF-8"),
        ("", "is empty"),
        (" ; ;\n", "empty|only a SELECT"),
        ("-- nothing", "only a SELECT"),
        ("SELECT 1 " + "-" * 1_000_000, f"longer than {MAX_SQL:,}"),
        ("SELECT " + "(" * 3000 + "1" + ")" * 3000, "nested too deeply"),
        ("SELECT " + "+".join("1" * 3000), "nested too deeply"),
        ("SELECT " + "NOT " * 1000 + "1", "nested too deeply"),
        ("SELECT " + "(SELECT " * 200 + "1" + ")" * 200, "nested too deeply"),
        ("SELECT 1" + " UNION ALL SELECT 1" * 100, "too many terms in compound SELECT.*Take it apart"),
        ("SELECT " + ",".join(["1"] * 200), "more than 100 columns"),
        (f"SELECT {','.join(['s'] * 900)} FROM (SELECT {LONG} AS s)", "more than 100 columns"),
        ("SELECT * FROM nowhere", "no such table: nowhere.*dictionary"),
        ("SELECT nme FROM papers", "^no column nme in papers: name\\?$"),
        ("SELECT p.Titel FROM papers AS p", "^no column Titel in papers: title\\?$"),
        ("SELECT * FROM papes", "^no table papes: papers\\?$"),
        ("SELECT expert FROM hyperparameters", "no column expert in hyperparameters: d_expert"),
        ("SELECT * FROM mentions", "Renamed: mentions is record_references"),
        ("SELECT c.part FROM claims c", "Renamed: claims.part is claims.configuration"),
        ("SELECT colour FROM papers", "no such column: colour.*dictionary"),
        ("SELEC 1", "syntax error"),
        ("SELECT ?", "binding"),
        ("SELECT 'open", "unrecognized token"),
        ("SELECT count(*) FROM search WHERE search MATCH '\"'", "unterminated string"),
        ("SELECT count(*) FROM search WHERE search MATCH 'nowhere: a'", "no such column"),
        (f"SELECT {LONG} || {LONG}", "larger than 1 MB"),
        (f"SELECT replace({LONG}, 'a', {LONG})", "larger than 1 MB"),
        (f"SELECT hex({LONG})", "larger than 1 MB"),
        (f"SELECT quote({LONG}) || quote({LONG})", "larger than 1 MB"),
        (f"{TEXTS} SELECT group_concat(s) FROM (SELECT s FROM n CROSS JOIN m LIMIT 99)", "larger than 1 MB"),
        (f"{TEXTS} SELECT json_group_array(s) FROM (SELECT s FROM n CROSS JOIN m LIMIT 99)", "larger than 1 MB|memory"),
        (f"{TEXTS} SELECT s || x FROM n CROSS JOIN m LIMIT 99", "result is larger than 50 MB"),
        (f"SELECT 'a' LIKE '{'%a' * 200}'", "LIKE or GLOB pattern too complex"),
        ("SELECT json('[[[' )", "malformed JSON"),
    ],
)  # fmt: skip
def test_what_is_wrong_says_what(database, sql, match):
    refused(database, sql, match)


@pytest.mark.parametrize(
    "sql",
    [
        f"{ENDLESS} SELECT count(*) FROM n",
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION SELECT x + 1 FROM n) SELECT count(*) FROM n",
        "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x FROM n) SELECT * FROM n WHERE x > 1",
        "SELECT count(*) FROM claims a, claims b, claims c, claims d, claims e",
        "SELECT max(a.content || b.content || c.content) FROM records a, records b, records c, records d",
        f"{ENDLESS} SELECT x FROM n ORDER BY -x",
        f"{TEXTS} SELECT s || x FROM n CROSS JOIN m ORDER BY 1",
        f"{TEXTS} SELECT DISTINCT substr(s || x, 1000) FROM n CROSS JOIN m",
        f"{TEXTS} SELECT sum(length(replace(s || x, 'a', 'b'))) FROM n CROSS JOIN m",
        f"{TEXTS} SELECT sum(s || x LIKE '{'%a_' * 60}b') FROM n CROSS JOIN m",
        f"{TEXTS} SELECT sum(s || x GLOB '{'*[a-z]' * 25}b') FROM n CROSS JOIN m",
        f"SELECT sum(instr({LONG}, {HALF} || 'b' || x)) FROM ({ENDLESS} SELECT x FROM n)",
        f"{ENDLESS} SELECT sum(length(trim(replace({HALF}, 'a', 'b') || x, substr({HALF}, 1, 60000) || 'b'))) FROM n",
        "SELECT max(x) OVER (ORDER BY x) FROM (SELECT a.id * b.id * c.id AS x FROM claims a, claims b, claims c)",
        "SELECT count(*) FROM records a JOIN records b JOIN records c JOIN records d JOIN records e JOIN records f ON a.content LIKE '%' || b.name || '%'",
        f"SELECT (SELECT count(*) FROM search WHERE search MATCH 'NEAR({'a ' * 5000}, 9999)' AND rowid > x) FROM ({ENDLESS} SELECT x FROM n)",
        "WITH a0 AS (SELECT 1 AS x)" + "".join(f", a{i} AS (SELECT p.x FROM a{i - 1} p, a{i - 1} q)" for i in range(1, 40)) + " SELECT count(*) FROM a39",
    ],
)  # fmt: skip
def test_what_would_never_end_is_stopped(database, monkeypatch, sql):
    monkeypatch.setattr(console, "_GRACE", 0.5)
    said = refused(database, sql)
    assert re.search("stopped after 0.5 seconds|more memory than it may have|result is larger than 50 MB", said), said


@pytest.mark.parametrize("sql", [
    f"{ENDLESS} SELECT x FROM n", "SELECT * FROM claims a, claims b, claims c",
    f"{ENDLESS} SELECT x FROM n LIMIT 100000",
])  # fmt: skip
def test_a_billion_rows_are_cut_off(database, sql):
    result = run_query(database, sql, max_rows=1000)
    assert (len(result.rows), result.truncated) == (1000, True)


@pytest.mark.parametrize("sql", [
    f"SELECT count(*) FROM json_each('[' || replace({HALF}, 'a', '1,') || '1]')",
    f"SELECT json_valid(replace({LONG}, 'a', '['))", f"SELECT length(trim(replace({LONG}, 'a', 'b'), 'b'))",
    "SELECT count(*) FROM search WHERE search MATCH 'a*'", "EXPLAIN SELECT * FROM claims",
    "EXPLAIN QUERY PLAN SELECT * FROM claims a, claims b", "SELECT * FROM sqlite_schema",
    "SELECT length(CAST(x'ff' AS TEXT))",
])  # fmt: skip
def test_odd_but_harmless_queries_end(database, sql):
    assert run_query(database, sql, max_seconds=20).rows


@pytest.mark.parametrize(
    ("sql", "kept"),
    [
        (f"{ENDLESS} SELECT x, 'aaaaaaaa' FROM n LIMIT 100", 62),
        (f"{ENDLESS} SELECT x, 'éééé' FROM n LIMIT 100", 62),
        (f"{ENDLESS} SELECT 'aaaaaaaaaa' FROM n LIMIT 100", 100),
        (f"{ENDLESS} SELECT NULL, x'00000000' FROM n LIMIT 100", 83),
        (f"SELECT {LONG}", 0),
    ],
)  # fmt: skip
def test_a_result_is_cut_off_at_its_bytes(database, sql, kept):
    result = run_query(database, sql, max_bytes=1000)
    assert (len(result.rows), result.truncated) == (kept, kept < 100)


def test_large_results_are_cut_before_they_are_refused(database):
    result = run_query(database, f"{TEXTS} SELECT s || x FROM n CROSS JOIN m LIMIT 99", max_bytes=2_000_000)
    assert (len(result.rows), result.truncated) == (2, True)


def sandboxes() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]


class GoneError(Exception):
    pass


def test_a_query_ends_with_its_reader(database):
    looks = []

    def look() -> None:
        looks.append(len(sandboxes()))
        if len(looks) == 3:
            raise GoneError

    begun = time.monotonic()
    with pytest.raises(GoneError):
        run_query(database, f"{ENDLESS} SELECT count(*) FROM n", max_seconds=PATIENCE, waiting=look)
    assert time.monotonic() - begun < PATIENCE
    assert looks == [1, 1, 1]
    assert sandboxes() == []


def test_at_most_two_queries_run_at_once(database, monkeypatch):
    counts: list[int] = []
    said: list[str] = []

    def ask() -> None:
        try:
            run_query(database, f"{ENDLESS} SELECT count(*) FROM n", max_seconds=1, waiting=look)
        except QueryError as error:
            said.append(str(error))

    def look() -> None:
        counts.append(len(sandboxes()))

    readers = [threading.Thread(target=ask) for _ in range(5)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(PATIENCE)
    assert max(counts) == 2
    assert len(said) == 5
    assert all("stopped after 1 seconds" in text for text in said)


def test_who_waits_too_long_is_told(database, monkeypatch):
    monkeypatch.setattr(console, "MAX_WAIT", 0.2)
    monkeypatch.setattr(console, "_turns", threading.BoundedSemaphore(1))
    with console._turns, pytest.raises(BusyError, match=r"other queries run.*Try again soon"):
        run_query(database, "SELECT 1")
    assert run_query(database, "SELECT 1").rows == [(1,)]


def test_who_leaves_while_waiting_takes_no_turn(database, monkeypatch):
    monkeypatch.setattr(console, "_turns", threading.BoundedSemaphore(1))

    def leave() -> None:
        raise GoneError

    with console._turns, pytest.raises(GoneError):
        run_query(database, "SELECT 1", waiting=leave)
    assert run_query(database, "SELECT 1").rows == [(1,)]


#: Asks in a process of its own, and says what its children took at most: ours had other children.
ASK = """
import resource, sys
from pathlib import Path
from moe_kb.db.console import run_query
from moe_kb.errors import QueryError
try:
    run_query(Path(sys.argv[1]), sys.argv[2], max_seconds=float(sys.argv[3]))
except QueryError:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""


def test_queries_stay_within_their_memory(database):
    sql = f"{TEXTS} SELECT s || x FROM n CROSS JOIN m ORDER BY 1"
    command = [sys.executable, "-c", ASK, str(database), sql, str(SECONDS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 0 < int(done.stdout) < sandbox.MAX_PROCESS_BYTES


def test_a_query_that_sqlite_cannot_stop_is_killed(database, monkeypatch):
    monkeypatch.setattr(console, "_GRACE", 0.5)
    begun = time.monotonic()
    refused(
        database, f"SELECT instr({LONG}, {HALF} || 'b') + instr({LONG}, {HALF} || 'c')", "stopped after 0.5 seconds"
    )
    assert time.monotonic() - begun < PATIENCE


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_can_be_asked(database, view):
    result = run_query(database, f"SELECT * FROM {view}")
    assert result.columns
    assert not result.truncated


@pytest.fixture(scope="module")
def small(built):
    return open_kb(database=built / "kb.db", refresh=False)


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT key FROM papers ORDER BY key", [("alpha",), ("beta",)]),
        ("  SELECT 1 ;  ", [(1,)]),
        ("-- comment\nSELECT 1 /* more */", [(1,)]),
        ("VALUES (1, 2), (3, 4)", [(1, 2), (3, 4)]),
        ("SELECT key, row_number() OVER (ORDER BY year DESC) FROM papers", [("alpha", 1), ("beta", 2)]),
        ("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 4) SELECT sum(x) FROM n", [(10,)]),
        ("SELECT json_extract(content, '$.key'), content ->> '$.year' FROM records WHERE record = 'paper:beta'", [("beta", 2020)]),
        ("SELECT value FROM records, json_each(content, '$.authors') WHERE record = 'paper:alpha'", [("Ada Author",), ("Bo Writer",)]),
        ("SELECT r.record FROM search s JOIN records r ON r.id = s.rowid WHERE search MATCH 'invented tokens' ORDER BY bm25(search)", [("paper:alpha",)]),
        ("SELECT highlight(search, 1, '<', '>') FROM search WHERE search MATCH 'title: share'", [("Beta Learns to <Share>",)]),
        ("SELECT snippet(search, 1, '[', ']', '…', 3) FROM search WHERE search MATCH 'title: shares'", [("…Learns to [Share]",)]),
        ("SELECT name FROM search_names WHERE search_names MATCH 'amm'", [("Gamma gamma",)]),
        ("SELECT count(*), avg(year), group_concat(key, '/') FROM (SELECT * FROM papers ORDER BY key)", [(2, 2020.5, "alpha/beta")]),
        ("SELECT upper(substr(name, 1, 2)), replace(name, 'a', 'o'), instr(name, 'ph'), trim('xax', 'x') FROM papers WHERE key = 'alpha'", [("AL", "Alpho", 3, "a")]),
        ("SELECT round(1.25, 1), abs(-3), sqrt(16), coalesce(NULL, 2), iif(1, 'y', 'n')", [(1.3, 3, 4.0, 2, "y")]),
        ("SELECT x'00ff', NULL, 1.5, -7, 'é'", [(b"\x00\xff", None, 1.5, -7, "é")]),
        ("SELECT strftime('%Y', '2024-05-01'), date('2024-01-31', '+1 day')", [("2024", "2024-02-01")]),
        ("SELECT component, count(*) FILTER (WHERE year > 2000) FROM designs GROUP BY 1 HAVING count(*) > 1", [("gating", 1)]),
        ("SELECT p.key FROM papers p LEFT JOIN placements l ON l.record = 'paper:' || p.key AND l.node LIKE '%sparse' WHERE l.id IS NULL", [("beta",)]),
        ("SELECT description FROM dictionary WHERE table_name = 'papers' AND column_name = ''", [("Papers.",)]),
    ],
)  # fmt: skip
def test_legitimate_queries_work(small, sql, rows):
    assert small.query(sql).rows == rows


def test_columns_are_named_once_each(small):
    result = small.query("SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a, 5 AS b")
    assert len(set(result.columns)) == 5
    assert (result.columns[0], result.columns[2], result.columns[4]) == ("a", "a_2", "b")
    joined = small.query("SELECT * FROM papers a JOIN papers b ON a.key = b.key")
    assert len(set(joined.columns)) == len(joined.columns) == 2 * len(set(joined.columns[: len(joined.columns) // 2]))


def test_rows_exactly_at_the_limit_are_not_cut(small):
    assert not small.query("SELECT key FROM papers", max_rows=2).truncated
    assert small.query("SELECT key FROM papers", max_rows=1).truncated


def test_a_database_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DatabaseError, match="does not exist"):
        run_query(tmp_path / "no.db", "SELECT 1")


def test_damage_is_said_as_such(database, tmp_path):
    damage_table(shutil.copy(database, tmp_path / "kb.db"), "papers")
    with pytest.raises(QueryError, match=r"the database is damaged .*Run: moe-kb build --force"):
        run_query(tmp_path / "kb.db", "SELECT * FROM papers")
