"""Search: names however written, words by full text, parts of names by trigrams; best first, sources after their like.

Every token of the person's text is quoted, so that `top-k`, `C++`, `it's` and `AND` are words, not syntax.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from moe_kb.errors import QueryError

MAX_TEXT, MAX_WORDS = 500, 24


@dataclass(frozen=True, slots=True)
class Hit:
    """A record found."""

    record: str
    """Full name."""
    kind: str
    key: str
    name: str
    year: int | None
    title: str
    snippet: str
    """Part of the text around the match, with the matched words between `[` and `]`."""
    why: str
    """`name`, `part of a name` or `text`."""


def hits(
    connection: sqlite3.Connection,
    text: str,
    *,
    kind: str | None = None,
    node: str | None = None,
    year: int | tuple[int, int] | None = None,
    limit: int = 50,
) -> Iterator[Hit]:
    """Find records one by one, best first.

    The filters are those of `KnowledgeBase.search`; `node` may be a bare path in any taxonomy. Empty text lists
    everything that passes the filters, newest first.

    Raises:
        QueryError: The last year is before the first.
    """
    filters, parameters = _filters(kind, node, year)
    # What is no text (bytes of another encoding on a command line, NUL) separates words.
    text = re.sub("[\x00\ud800-\udfff]", " ", text[:MAX_TEXT])
    # Each word once, where it stands last, since the last may be unfinished: one scored sixty times takes seconds.
    words = re.findall(r"[^\W_]+", text)[:MAX_WORDS]
    tokens = list({fold(word): word for word in reversed(words)}.values())[::-1]
    if not tokens:
        if not text.strip():
            yield from _listing(connection, filters, parameters, limit)
        return
    plain = " ".join(text.split())
    ways: tuple[tuple[str, Callable[[], Iterable[tuple[Any, ...]]]], ...] = (
        ("name", lambda: _by_name(connection, plain, filters, parameters, limit)),
        *(
            ("text", partial(_by_words, connection, tokens, columns, f"{kinds} {filters}", parameters, limit))
            for columns in ("{name title} :", "")
            for kinds in ("AND +r.kind != 'source'", "AND +r.kind = 'source'")
        ),
        ("part of a name", lambda: _by_part(connection, plain, filters, parameters, limit)),
    )
    found: set[str] = set()
    for why, find in ways:
        for row in find():
            if row[0] not in found:
                found.add(row[0])
                yield Hit(*[*row, why])
            if len(found) >= limit:
                return


def search(connection: sqlite3.Connection, text: str, *, limit: int = 50, **filters: Any) -> list[Hit]:
    """The same in a list."""
    return list(hits(connection, text, limit=limit, **filters))


def fold(name: str) -> str:
    """A name without case, accents, spaces and punctuation (only `+` tells names apart): DeepSeek V3 is deepseekv3."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if letter.isalnum() or letter == "+") or name


def _filters(kind: str | None, node: str | None, year: int | tuple[int, int] | None) -> tuple[str, list[Any]]:
    clauses, parameters = [], list[Any]()
    # The signs keep the planner from going through every record of a kind, year or node and asking the text index
    # about each, which takes a minute among 100,000.
    if kind:
        clauses.append("AND +r.kind = ?")
        parameters.append(kind)
    if node:
        taxonomy, _, path = node.rpartition(":")
        clauses.append(
            "AND +r.record IN (SELECT l.record FROM placements l JOIN node_ancestors a "
            "ON a.taxonomy = l.taxonomy AND a.node = l.node WHERE a.ancestor = ? AND (? = '' OR a.taxonomy = ?))"
        )
        parameters += [path, taxonomy, taxonomy]
    if year:
        first, last = (year, year) if isinstance(year, int) else year
        if last < first:
            raise QueryError(f"the start, {first}, is after the end, {last}. Ask for {last} to {first}.")
        clauses.append("AND +r.year BETWEEN ? AND ?")
        parameters += [min(max(number, 0), 9999) for number in (first, last)]  # SQLite's numbers have an end
    return " ".join(clauses), parameters


_FIELDS = "r.record, r.kind, r.key, r.name, r.year"
_TITLE = "coalesce(json_extract(r.content, '$.title'), '')"


def _listing(connection: sqlite3.Connection, filters: str, parameters: list[Any], limit: int) -> list[Hit]:
    rows = connection.execute(
        f"SELECT {_FIELDS}, {_TITLE}, coalesce(substr(r.summary, 1, 160), '') FROM records r WHERE 1 {filters} "
        "ORDER BY r.year DESC NULLS LAST, r.name LIMIT ?",
        [*parameters, limit],
    )
    return [Hit(*[*row, "text"]) for row in rows]


def _by_name(
    connection: sqlite3.Connection, text: str, filters: str, parameters: list[Any], limit: int
) -> list[tuple[Any, ...]]:
    """The record whose full name is the text, and those of which a name, key or alias is the text, however written."""
    return connection.execute(
        f"SELECT {_FIELDS}, {_TITLE}, coalesce(substr(r.summary, 1, 160), '') FROM records r WHERE r.record IN ("
        "SELECT record FROM folded_names WHERE folded = ? UNION ALL SELECT ?) "
        f"{filters} ORDER BY r.kind = 'source', r.kind != 'paper', r.kind != 'model', r.year DESC LIMIT ?",
        [fold(text), text.lower(), *parameters, limit],
    ).fetchall()


def _by_words(
    connection: sqlite3.Connection, tokens: list[str], columns: str, filters: str, parameters: list[Any], limit: int
) -> Iterable[tuple[Any, ...]]:
    """Records that hold every word, in `columns` (a filter of FTS5's) or anywhere; the last may be unfinished.

    Ranking means scoring every match, and a common word stands in most texts, in far fewer titles; so the caller asks
    for titles first and for texts only where the page is not full. Rows come as they are asked for, each with the work
    of cutting out its snippet.
    """
    words = " ".join(f'"{token}"' for token in tokens) + ("*" if len(tokens[-1]) > 2 else "")
    return connection.execute(
        f"SELECT {_FIELDS}, {_TITLE}, snippet(search, -1, '[', ']', ' … ', 24) FROM search JOIN records r "
        f"ON r.id = search.rowid WHERE search MATCH ? AND rank MATCH 'bm25(10.0, 5.0, 1.0)' {filters} "
        "ORDER BY rank LIMIT ?",
        [f"{columns} ({words})", *parameters, limit],
    )


def _by_part(
    connection: sqlite3.Connection, text: str, filters: str, parameters: list[Any], limit: int
) -> list[tuple[Any, ...]]:
    """Records with the text inside a name, shortest names first; the trigram index needs three letters."""
    if len(text) < 3:
        return []
    quoted = text.replace('"', '""')
    # A configuration that stands in more than a thousand names says nothing, and is not worth sorting them all.
    return connection.execute(
        f"SELECT {_FIELDS}, {_TITLE}, coalesce(substr(r.summary, 1, 160), '') FROM records r WHERE r.id IN ("
        f"SELECT r.id FROM search_names s JOIN records r ON r.id = s.rowid WHERE search_names MATCH ? {filters} "
        "LIMIT 1000) ORDER BY r.kind = 'source', length(r.name), r.year DESC LIMIT ?",
        [f'"{quoted}"', *parameters, limit],
    ).fetchall()
