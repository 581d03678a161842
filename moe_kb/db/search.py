"""Search: addresses, names however written, words by full text, parts of names by trigrams; best first, sources last.

Where nothing has all words, words are respelt by those that records have, and then some of the words have to do. What
was typed is read by `moe_kb.db.question`.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property, partial
from typing import Any

from moe_kb.db.question import Part, Question, corrected, every, read, recorded, some
from moe_kb.errors import QueryError
from moe_kb.records.identifiers import identified_in

#: Around matched words in `Hit.marked`: signs that no record holds.
OPENS, CLOSES = "\x02", "\x03"
#: How good a hit is: by an address, by a name, all words in names and titles, all words anywhere, a part of a name.
ADDRESS, NAME, TITLE, TEXT, PART = range(5)


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
    marked: str
    """Part of the text around the match, with the matched words between `OPENS` and `CLOSES`."""
    why: str
    """`address`, `name`, `text` (all words), `part of a name`, `spelling` (all words, respelt) or `some words`."""
    tier: int = 0
    """How good a match it is; 0 is the best."""

    @property
    def is_named(self) -> bool:
        """Whether it was asked for by its name or address."""
        return self.tier <= NAME

    @property
    def snippet(self) -> str:
        """Part of the text around the match, with the matched words between `[` and `]`."""
        return self.marked.replace(OPENS, "[").replace(CLOSES, "]")

    def as_data(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        named = {
            field.name: getattr(self, field.name) for field in fields(self) if field.name not in ("marked", "tier")
        }
        return {**named, "snippet": self.snippet}

    @property
    def pieces(self) -> list[tuple[str, bool]]:
        """The same in pieces, each with whether it was asked for."""
        parts = re.split(f"{OPENS}([^{OPENS}{CLOSES}]*){CLOSES}", self.marked)
        return [(part, position % 2 == 1) for position, part in enumerate(parts) if part]


class Search:
    """One text, read once, to find records by."""

    def __init__(self, connection: sqlite3.Connection, text: str) -> None:
        self.connection = connection
        self.question = read(connection, text)

    @cached_property
    def respelt(self) -> Question | None:
        """The question with unknown words respelt; None where nothing comes near."""
        return corrected(self.connection, self.question)

    def hits(
        self,
        *,
        kind: str | None = None,
        node: str | None = None,
        year: int | tuple[int, int] | None = None,
        limit: int = 50,
        loosely: bool | None = None,
    ) -> Iterator[Hit]:
        """Records one by one, best first; arguments as those of `hits`."""
        filters = _Filters.of(kind, node, year)
        if not self.question.text:
            yield from _listing(self.connection, filters, limit)
            return
        found: set[str] = set()
        ways = _Ways(self.connection, self.question, filters, limit)
        if not loosely:
            yield from _first(ways.exact(), found, limit)
        if loosely or (loosely is None and not found):
            yield from _first(ways.loose(self.respelt), found, limit)


def hits(
    connection: sqlite3.Connection,
    text: str,
    *,
    kind: str | None = None,
    node: str | None = None,
    year: int | tuple[int, int] | None = None,
    limit: int = 50,
    loosely: bool | None = None,
) -> Iterator[Hit]:
    """Find records one by one, best first.

    The filters are those of `KnowledgeBase.search`; `node` may be a bare path in any taxonomy. Empty text lists
    everything that passes the filters, newest first. `loosely` asks for records that answer the respelt text or have
    some of the words (True), or for those that answer as it was typed (False), instead of the former where there are
    none of the latter.

    Raises:
        QueryError: The last year is before the first.
    """
    return Search(connection, text).hits(kind=kind, node=node, year=year, limit=limit, loosely=loosely)


def search(connection: sqlite3.Connection, text: str, *, limit: int = 50, **filters: Any) -> list[Hit]:
    """The same in a list."""
    return list(hits(connection, text, limit=limit, **filters))


_Rows = Iterable[tuple[Any, ...]]
#: How good, what it is called, and what gives the rows.
_Way = tuple[int, str, Callable[[], _Rows]]


def _first(ways: Iterable[_Way], found: set[str], limit: int) -> Iterator[Hit]:
    """Hits of several ways, each once; some of the words do only where nothing better was found."""
    for tier, why, find in ways:
        if why == "some words" and found:
            return
        for record, kind, key, name, year, title, marked in find():
            if record not in found:
                found.add(record)
                marked = " ".join(marked.replace("\n", " · ").split())
                yield Hit(record, kind, key, name, year, title, marked, why, tier)
            if len(found) >= limit:
                return


@dataclass(frozen=True, slots=True)
class _Filters:
    sql: str
    parameters: tuple[Any, ...]
    kind: str | None

    @classmethod
    def of(cls, kind: str | None, node: str | None, year: int | tuple[int, int] | None) -> _Filters:
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
        return cls(" ".join(clauses), tuple(parameters), kind)


_FIELDS = "r.record, r.kind, r.key, r.name, r.year"
_TITLE = "coalesce(json_extract(r.content, '$.title'), '')"
#: Kinds that stand behind all others.
_BEHIND = ("source", "table")
_RANK = f"r.kind IN {_BEHIND}, r.kind != 'paper', r.kind != 'model'"
_SUMMARY = "CASE WHEN length(r.summary) > 160 THEN substr(r.summary, 1, 160) || '…' ELSE coalesce(r.summary, '') END"


def _listing(connection: sqlite3.Connection, filters: _Filters, limit: int) -> list[Hit]:
    rows = connection.execute(
        f"SELECT {_FIELDS}, {_TITLE}, {_SUMMARY} FROM records r WHERE 1 {filters.sql} "
        "ORDER BY r.year DESC NULLS LAST, r.name LIMIT ?",
        [*filters.parameters, limit],
    )
    return [Hit(*[*row, "text"]) for row in rows]


def _snippet(column: int) -> str:
    return f"snippet(search, {column}, '{OPENS}', '{CLOSES}', ' … ', 24)"


@dataclass(frozen=True, slots=True)
class _Ways:
    """Ways to find records, each a name and a function that gives rows."""

    connection: sqlite3.Connection
    question: Question
    filters: _Filters
    limit: int

    def exact(self) -> Iterator[_Way]:
        """Records that answer the question as it was typed."""
        asked = self.question
        rows = self._by_address() if asked.identifiers else []
        yield ADDRESS, "address", lambda: rows
        if rows and " " not in asked.text:
            return
        yield NAME, "name", self._by_name
        if asked.parts:
            names = "{name title linked} :"
            yield TITLE, "text", partial(self._by_words, every(asked.typed), names, front=True)
            if any(len(part.ways) > 1 for part in asked.parts):
                yield TITLE, "text", partial(self._by_words, every(asked.parts), names, front=True)
            yield TEXT, "text", partial(self._by_words, every(asked.parts), front=True)
            yield TEXT, "text", partial(self._by_words, every(asked.parts), front=False)
            yield PART, "part of a name", self._by_part

    def loose(self, respelt: Question | None) -> Iterator[_Way]:
        """Records that have its words further apart, that answer it respelt, or that have some of its words."""
        if len(self.question.words) > 1:
            yield TEXT, "text", partial(self._by_words, every(self.question.scattered), front=True)
        if respelt:
            for tier, _, find in replace(self, question=respelt).exact():
                yield tier, "spelling", find
        parts = (respelt or self.question).parts
        if len(parts) > 1:
            yield PART, "some words", partial(self._by_words, some(self._rare(parts)), front=True)

    def _rare(self, parts: tuple[Part, ...]) -> list[Part]:
        """Those parts that tell records apart: none that more than a third of them have, unless all are such."""
        (number,) = self.connection.execute("SELECT count(*) FROM records").fetchone()
        known = recorded(self.connection, [part.ways[0] for part in parts])
        common = {word for word, records in known.items() if records * 3 > number}
        return [part for part in parts if part.ways[0] not in common] or list(parts)

    def _by_address(self) -> list[tuple[Any, ...]]:
        """The records that an address or identifier is of: papers and models first, the sources that are it last."""
        wanted = self.question.identifiers
        repositories = [
            subject
            for subject, address in self.connection.execute(
                "SELECT subject, value FROM claims WHERE field IN ('repository', 'code_url')"
            )
            if any(name.startswith("url ") for name in wanted) and not {*wanted}.isdisjoint(identified_in(address))
        ]
        return self.connection.execute(
            f"WITH named(record) AS (SELECT record FROM addresses WHERE address IN (SELECT value FROM json_each(?1)) "
            "UNION SELECT subject FROM claims WHERE identifier IN (SELECT value FROM json_each(?1)) "
            "UNION SELECT value FROM json_each(?2)), "
            "meant(record) AS (SELECT record FROM named UNION SELECT 'paper:' || s.paper FROM named n "
            "JOIN sources s ON s.record = n.record WHERE s.paper IS NOT NULL UNION SELECT c.record FROM named n "
            "JOIN configurations c ON 'source:' || c.source = n.record) "
            f"SELECT {_FIELDS}, {_TITLE}, {_SUMMARY} FROM records r WHERE r.record IN (SELECT record FROM meant) "
            f"{self.filters.sql} ORDER BY {_RANK}, r.name "
            f"LIMIT {int(self.limit)}",
            [json.dumps(wanted), json.dumps(repositories), *self.filters.parameters],
        ).fetchall()

    def _by_name(self) -> _Rows:
        """The record whose full name is the text, and those of which a name, key or alias is the text, however
        written."""
        return self.connection.execute(
            f"SELECT {_FIELDS}, {_TITLE}, {_SUMMARY} FROM records r WHERE r.record IN ("
            "SELECT record FROM folded_names WHERE folded IN (SELECT value FROM json_each(?)) UNION ALL SELECT ?) "
            f"{self.filters.sql} ORDER BY {_RANK}, r.year DESC LIMIT ?",
            [json.dumps(self.question.names), self.question.text.lower(), *self.filters.parameters, self.limit],
        ).fetchall()

    def _by_words(self, words: str, columns: str = "", *, front: bool) -> _Rows:
        """Records by words, in `columns` (a filter of FTS5's) or anywhere, of the kinds in front or of those behind.

        Ranking means scoring every match, and a common word stands in most texts, in far fewer titles; so the caller
        asks for titles first and for texts only where the page is not full. Rows come as they are asked for, each with
        the work of cutting out its snippet.
        """
        if not words or (self.filters.kind and (self.filters.kind not in _BEHIND) != front):
            return
        for *about, text, linked in self.connection.execute(
            f"SELECT {_FIELDS}, {_TITLE}, {_snippet(2)}, {_snippet(3)} FROM search JOIN records r "
            "ON r.id = search.rowid WHERE search MATCH ? AND rank MATCH 'bm25(10.0, 5.0, 1.0, 3.0)' "
            f"AND +r.kind {'NOT' if front else ''} IN {_BEHIND} {self.filters.sql} ORDER BY rank LIMIT ?",
            [f"{columns} ({words})", *self.filters.parameters, self.limit],
        ):
            # Names and titles are shown anyway; names of what is linked only where they were asked for.
            yield *about, text if OPENS in text or OPENS not in linked else linked

    def _by_part(self) -> _Rows:
        """Records with the text inside a name, shortest names first; the trigram index needs three letters."""
        text = self.question.text
        if len(text) < 3:
            return []
        quoted = text.replace('"', '""')
        # A configuration that stands in more than a thousand names says nothing, and is not worth sorting them all.
        return self.connection.execute(
            f"SELECT {_FIELDS}, {_TITLE}, {_SUMMARY} FROM records r WHERE r.id IN ("
            f"SELECT r.id FROM search_names s JOIN records r ON r.id = s.rowid WHERE search_names MATCH ? "
            f"{self.filters.sql} LIMIT 1000) ORDER BY r.kind IN {_BEHIND}, length(r.name), r.year DESC LIMIT ?",
            [f'"{quoted}"', *self.filters.parameters, self.limit],
        ).fetchall()
