"""What a person typed, read against the words of one database: parts, each with every way to write it.

Expansion happens when the question is asked, so the index holds what records say and nothing else.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from moe_kb.errors import close_names
from moe_kb.folding import fold, plain_letters, words
from moe_kb.names import PARTICLES, given_names_agree
from moe_kb.records.identifiers import identified_in, without_addresses

MAX_TEXT, MAX_WORDS = 500, 24
#: Words of one short form, of a family name, of given names beside it.
_LONGEST_FORM, _LONGEST_FAMILY, _LONGEST_GIVEN = 4, 3, 4
#: Ways to write one part; a family name may be that of hundreds.
_MOST_WAYS = 40
#: Words of a question that are respelt: each is compared with all words of the records.
_MOST_RESPELT = 4
#: Words that say nothing about what is sought; they count only where a question has no others.
_FUNCTION_WORDS = frozenset(
    re.findall(
        "[a-z]+",
        "a an and any are as at be been between but by can could do does for from had has have how i if in into is it "
        "its me my nor of on or our shall should so such than that the their them then there these they this those to "
        "us use used using was we were what when where which who whom whose why will with would you your",
    )
)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a question: phrases, of which a record may have any."""

    ways: tuple[str, ...]
    """Words separated by spaces; the first as it was typed."""
    unfinished: bool = False
    """Whether the typed words may be the beginning of longer ones."""

    def match(self) -> str:
        """The part in the language of FTS5. Every way is quoted: `top-k`, `C++` and `AND` are words, not syntax."""
        quoted = [f'"{way}"' for way in self.ways]
        if self.unfinished:
            quoted[0] += " *"
        return f"({' OR '.join(quoted)})"


@dataclass(frozen=True, slots=True)
class Question:
    """A text in parts, all of which a record that answers should have."""

    text: str
    """As typed, without what is no text, in one line."""
    words: tuple[str, ...]
    parts: tuple[Part, ...]
    names: tuple[str, ...]
    """Ways to write the text as a whole, folded, as names are."""
    identifiers: tuple[str, ...]
    """What addresses and identifiers in it identify."""

    @property
    def typed(self) -> list[Part]:
        """The parts as they were typed."""
        return [replace(part, ways=part.ways[:1]) for part in self.parts]

    @property
    def scattered(self) -> list[Part]:
        """The words as they were typed, each by itself."""
        telling = [word for word in dict.fromkeys(reversed(self.words)) if word not in _FUNCTION_WORDS]
        found = (telling or list(dict.fromkeys(reversed(self.words))))[::-1]
        return [Part((word,), unfinished=len(word) > 2 and word == self.words[-1]) for word in found]


def read(connection: sqlite3.Connection, text: str) -> Question:
    """Read a text; never raises, whatever is in it."""
    # What is no text (bytes of another encoding on a command line, NUL) separates words.
    plain = " ".join(re.sub("[\x00-\x1f\x7f\ud800-\udfff]", " ", text[:MAX_TEXT]).split())
    found = words(without_addresses(plain))[:MAX_WORDS]
    spans = {start: (end, ways) for start, end, ways in _short_forms(connection, found)}
    printed = _authors(connection, found)
    known = _known(connection, found)
    parts: list[Part] = []
    names = {fold(plain)}
    position = 0
    while position < len(found):
        end, forms = spans.get(position, (position + 1, ()))
        typed = " ".join(found[position:end])
        ways = [typed, *forms]
        if end == position + 1:
            ways += [*_spellings(connection, found, position, known), *printed[position]]
            if len(typed) == 1 and printed[position]:
                ways = printed[position]  # an initial alone stands in most texts
            if len(ways) == 1 and typed not in known:
                ways += _in_two(typed, known)
        if forms and len(found) == end - position:
            names |= {fold(way) for way in forms}
        last = end == len(found) and len(found[-1]) > 2
        parts.append(Part(_telling(ways), unfinished=last))
        position = end
    # An initial may be one of these words.
    telling = [part for part in parts if part.ways[0] not in _FUNCTION_WORDS or " " in "".join(part.ways[1:])] or parts
    # Each part once, where it stands last, since the last may be unfinished: one scored sixty times takes seconds.
    once: dict[frozenset[str], Part] = {}
    for part in reversed(telling):
        once.setdefault(frozenset(part.ways), part)
    return Question(plain, tuple(found), tuple(once.values())[::-1], tuple(sorted(names)), tuple(identified_in(plain)))


def corrected(connection: sqlite3.Connection, question: Question) -> Question | None:
    """The question with its unknown words spelt as records spell them; None where nothing comes near."""
    known = _known(connection, question.words)
    unknown = [word for word in dict.fromkeys(question.words) if word not in known][:_MOST_RESPELT]
    better = {word: near for word in unknown if (near := _near(connection, word))}
    if not better:
        return None

    def respell(match: re.Match[str]) -> str:
        return better.get(plain_letters(match[0]), match[0])

    return replace(read(connection, re.sub(r"[^\W_]+", respell, question.text)), identifiers=())


def _telling(ways: Sequence[str]) -> tuple[str, ...]:
    """Ways, the typed one first, without those that another says already: a plural, or a phrase that holds another."""
    by_singular: dict[str, str] = {}
    for way in ways:
        by_singular.setdefault(" ".join(word.removesuffix("s") for word in way.split()), way)
    (_, typed), *others = by_singular.items()
    shortest = [
        way
        for singular, way in others
        if not any(f" {other} " in f" {singular} " for other in by_singular if other != singular)
    ]
    return (typed, *shortest[: _MOST_WAYS - 1])


def _short_forms(connection: sqlite3.Connection, found: Sequence[str]) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Start, end and forms of spans that are in the list of short forms or are an organisation's name, the longest from
    the left."""
    spans = {
        (start, end): "".join(found[start:end])
        for start in range(len(found))
        for end in range(start + 1, min(start + _LONGEST_FORM, len(found)) + 1)
    }
    ways: dict[str, list[str]] = defaultdict(list)
    for folded, way in connection.execute(
        "SELECT DISTINCT a.folded, b.form FROM short_forms a JOIN short_forms b ON b.term = a.term "
        "WHERE a.folded IN (SELECT value FROM json_each(?)) ORDER BY b.folded",
        [json.dumps(list(set(spans.values())))],
    ):
        ways[folded].append(" ".join(words(way)))
    joined = {"".join(words(way)) for forms in ways.values() for way in forms}
    known = recorded(connection, joined)
    for forms in ways.values():
        forms += sorted({"".join(way.split()) for way in forms} & {*known} - {*forms})
    start = 0
    while start < len(found):
        ends = range(min(start + _LONGEST_FORM, len(found)), start, -1)
        end = next((end for end in ends if spans[start, end] in ways), None)
        if end:
            yield start, end, tuple(ways[spans[start, end]])
        start = end or start + 1


def _authors(connection: sqlite3.Connection, found: Sequence[str]) -> dict[int, list[str]]:
    """For given names and initials beside a family name, by position: how papers print the names that they may be of.

    The family name stays a word of its own, since it may be just a word.
    """
    families = {
        (start, end): " ".join(found[start:end])
        for start in range(len(found))
        for end in range(start + 1, min(start + _LONGEST_FAMILY, len(found)) + 1)
    }
    known = {
        family
        for (family,) in connection.execute(
            "SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM authors WHERE family = value AND given != '')",
            [json.dumps(list(set(families.values())))],
        )
    }
    printed: dict[int, list[str]] = defaultdict(list)
    for (start, end), family in families.items():
        sides = [(first, start) for first in range(max(0, start - _LONGEST_GIVEN), start)]
        sides += [(end, last) for last in range(end + 1, min(end + _LONGEST_GIVEN, len(found)) + 1)]
        for first, last in sides if family in known else ():
            asked = [word for word in found[first:last] if word not in PARTICLES]
            if not asked:
                continue
            for given, author in connection.execute(
                "SELECT DISTINCT given, author FROM authors WHERE family = ? AND given BETWEEN ? AND ? LIMIT 100",
                (family, asked[0][0], asked[0][0] + "\U0010ffff"),
            ):
                if given_names_agree(asked, given.split(), strict=True):
                    way = " ".join(words(author))
                    for position in range(first, last):
                        printed[position].append(way)
    return printed


def _known(connection: sqlite3.Connection, found: Sequence[str]) -> dict[str, int]:
    """Of the words, of neighbours written as one, and of their halves: those that records have, with the number."""
    looked_up = {*found, *map("".join, pairwise(found))}
    looked_up |= {half for word in found for halves in _halves(word) for half in halves}
    return recorded(connection, looked_up)


def recorded(connection: sqlite3.Connection, asked: Iterable[str]) -> dict[str, int]:
    """Of some words those that records have, with the number."""
    return dict(
        connection.execute(
            "SELECT word, records FROM words WHERE word IN (SELECT value FROM json_each(?))",
            [json.dumps(sorted(asked))],
        ).fetchall()
    )


def _halves(word: str) -> Iterator[tuple[str, str]]:
    if 5 <= len(word) <= 40:
        yield from ((word[:cut], word[cut:]) for cut in range(2, len(word) - 1))


def _spellings(
    connection: sqlite3.Connection, found: Sequence[str], position: int, known: dict[str, int]
) -> Iterator[str]:
    """Other ways to write a word: as one with its neighbour, with a version's number behind it."""
    word = found[position]
    for one in (found[max(position - 1, 0) : position + 1], found[position : position + 2]):
        if len(one) == 2 and "".join(one) in known:
            yield "".join(one)
    if len(word) > 2 and word.isalpha():
        for (numbered,) in connection.execute(
            "SELECT word FROM words WHERE word BETWEEN ? AND ? LIMIT 20", (f"{word}0", f"{word}:")
        ):
            yield numbered


def _in_two(word: str, known: dict[str, int]) -> list[str]:
    """A word that no record has as two that records have: deepseekv3 as deepseek v3."""
    halves = [(min(known.get(half, 0) for half in pair), " ".join(pair)) for pair in _halves(word)]
    number, best = max(halves, default=(0, ""))
    return [best] if number > 1 else []


def _near(connection: sqlite3.Connection, word: str) -> str | None:
    """The word of the records that was most likely meant: fewest slips of the finger away, then the commonest."""
    if not 4 <= len(word) <= 30 or not word.isalpha():
        return None
    most = 1 if len(word) < 7 else 2
    records = dict(
        connection.execute(
            "SELECT word, records FROM words WHERE length(word) BETWEEN ? AND ? AND word NOT GLOB '*[0-9]*'",
            (len(word) - most, len(word) + most),
        ).fetchall()
    )
    slips = {
        near: away
        for near in close_names(word, records, at_most=12, alike=0.66)
        if (away := _slips(word, near)) <= most
    }
    return min(slips, key=lambda near: (slips[near], -records[near], near), default=None)


def _slips(typed: str, meant: str) -> int:
    """Letters left out, added, mistaken or swapped with their neighbour (optimal string alignment)."""
    before: Sequence[int] = []
    row: Sequence[int] = range(len(meant) + 1)
    for i, letter in enumerate(typed, start=1):
        above, row = row, [i]
        for j, other in enumerate(meant, start=1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == meant[j - 2] and typed[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before = above
    return row[-1]


def every(parts: Iterable[Part]) -> str:
    """FTS5 for records that have all parts."""
    return " AND ".join(part.match() for part in parts)


def some(parts: Iterable[Part]) -> str:
    """FTS5 for records that have any part."""
    return " OR ".join(part.match() for part in parts)
