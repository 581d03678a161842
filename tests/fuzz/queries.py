"""Queries: pieces of SQL in and out of order, attempts to write, to leave the database, and to use up the machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from fuzz.harness import Attempt
from fuzz.text import SIGNS, text_of
from trees import small_tree

from moe_kb.errors import QueryError
from moe_kb.kb import open_kb
from moe_kb.queries.console import examples

SECONDS = 0.5
_TOKENS = r"""
SELECT FROM WHERE GROUP BY HAVING ORDER LIMIT UNION ALL EXCEPT JOIN LEFT ON AS WITH RECURSIVE VALUES NOT NULL IN LIKE
GLOB MATCH REGEXP BETWEEN CASE WHEN THEN END OVER PARTITION DISTINCT COLLATE EXISTS INDEXED MATERIALIZED papers models
designs claims search records dictionary sqlite_schema sqlite_master dbstat sqlite_stat1 json_each name year key record
value count(*) max(year) group_concat(name) json_extract(content,'$.a') rowid * 1 -1 0x7f 1e308 9223372036854775807 'a'
"b" [c] `d` ?1 :x @y $z , ; ( ) || = <> <= + / % & | ~ -- /* */
"""
WORDS = _TOKENS.split()
HOSTILE = (
    "ATTACH '/tmp/x.db' AS x",
    "DETACH main",
    "PRAGMA journal_mode=DELETE",
    "PRAGMA query_only=0",
    "PRAGMA writable_schema=1",
    "VACUUM INTO '/tmp/stolen.db'",
    "INSERT INTO papers VALUES (1)",
    "UPDATE records SET name='x'",
    "DELETE FROM claims",
    "DROP TABLE records",
    "CREATE TABLE t(a)",
    "CREATE TEMP TABLE t AS SELECT 1",
    "REINDEX",
    "ANALYZE",
    "BEGIN IMMEDIATE",
    "SELECT load_extension('x')",
    "SELECT readfile('/etc/passwd')",
    "SELECT writefile('/tmp/x','y')",
    "SELECT fts3_tokenizer('simple')",
    "SELECT zeroblob(2000000000)",
    "SELECT randomblob(2000000000)",
    "SELECT hex(zeroblob(100000000))",
    "SELECT printf('%.*c', 2000000000, 'x')",
    "SELECT replace(hex(zeroblob(1000000)), '0', 'aaaaaaaaaa')",
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT count(*) FROM c",
    "WITH RECURSIVE c(x) AS (SELECT 'a' UNION ALL SELECT x||x FROM c) SELECT length(x) FROM c",
    "SELECT * FROM claims a, claims b, claims c, claims d",
    "SELECT * FROM pragma_table_info('records')",
    "INSERT INTO search(search) VALUES('rebuild')",
    "SELECT search('x')",
    "EXPLAIN SELECT 1",
    "SELECT 1; DROP TABLE records",
    "VALUES (1), (2)",
    "SELECT '" + "(" * 500 + "'",
    "SELECT " + "(" * 500 + "1" + ")" * 500,
    "SELECT " + "+".join("1" * 2000),
    "SELECT 1 " + "UNION SELECT 1 " * 600,
)


@contextmanager
def queries(folder: Path) -> Iterator[Attempt]:
    """Queries of the fabricated tree's database: rows within the limits or a `QueryError`; nothing is ever written."""
    place = folder / "kept"
    place.mkdir()
    kb = open_kb(small_tree(folder / "tree"), database=place / "kb.db")
    kb.audit()
    asked = [example.sql for example in examples()]
    files = {path.name: _digest(path) for path in place.iterdir()}

    def attempt(random: Random) -> str:
        sql = _query(random, asked)
        try:
            result = kb.query(sql, max_rows=200, max_seconds=SECONDS)
        except QueryError:
            outcome = "refused"
        else:
            assert len(result.rows) <= 200
            assert all(len(row) == len(result.columns) == len(set(result.columns)) for row in result.rows)
            outcome = "answered"
        assert {path.name: _digest(path) for path in place.iterdir()} == files, sql
        return outcome

    yield attempt
    assert not Path("/tmp/stolen.db").exists()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _query(random: Random, asked: list[str]) -> str:
    dice = random.random()
    if dice < 0.3:
        return random.choice(HOSTILE) + random.choice(
            ("", "", ";", " ", "--", " -- x", "/*", text_of(random, WORDS, 2))
        )
    if dice < 0.6:
        return " ".join(("SELECT", *(random.choice(WORDS) for _ in range(random.randrange(1, 15)))))
    if dice < 0.7:
        return text_of(random, WORDS)
    words = random.choice(asked).split(" ")
    for _ in range(random.randrange(4)):
        place = random.randrange(len(words))
        match random.randrange(4):
            case 0:
                words[place] = random.choice(WORDS)
            case 1:
                words.insert(place, random.choice((*WORDS, *SIGNS)))
            case 2 if len(words) > 1:
                del words[place]
            case _:
                words[place] += random.choice(SIGNS)
    return " ".join(words)
