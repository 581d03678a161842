"""Authors: which printed names are one person's, their papers, and with whom they wrote.

Sources print initials or given names. A name with initials is taken for the one author of that family whose given
names begin so; where several could be meant, it stands for itself.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from moe_kb.db.reader import Reader
from moe_kb.errors import NotFoundError, close_names, did_you_mean
from moe_kb.folding import words
from moe_kb.names import PARTICLES, given_names_agree, parse_name

#: Words of a family name, and of given names beside it.
_FAMILY, _GIVEN = 3, 4


@dataclass(frozen=True, slots=True)
class Person:
    """An author under every printed name that can only be theirs."""

    name: str
    """The fullest spelling."""
    spellings: tuple[str, ...]
    """As papers print it."""
    given: tuple[str, ...]
    """Given names and initials of the fullest spelling, folded; empty for a group."""
    records: frozenset[str]
    """Full names of the papers."""


@dataclass(frozen=True, slots=True)
class AuthorPage:
    """What an author's page shows."""

    person: Person
    coauthors: tuple[tuple[str, int], ...]
    """Name and number of papers together, the most first."""
    maybe: tuple[Person, ...]
    """Others of the family who may be the same person, since an initial fits several."""


def author(reader: Reader, name: str) -> AuthorPage:
    """The page of an author by any spelling of the name.

    Raises:
        NotFoundError: No paper has such an author; the message lists close names.
    """
    parsed = parse_name(" ".join(name.split()))
    family, given = " ".join(words(parsed.family)), words(parsed.given)
    people = _people(reader, [family])
    fitting = [person for person in people if name in person.spellings] or [
        person for person in people if list(person.given) == given or given_names_agree(given, person.given)
    ]
    if not fitting:
        close = close_names(name, reader.values("SELECT DISTINCT author FROM authors"), at_most=5)
        hint = did_you_mean(close) or "Search for a part of the name."
        raise NotFoundError(f"no paper has an author {name!r}. {hint}", close)
    person = max(fitting, key=lambda candidate: (len(candidate.records), candidate.name))
    together: Counter[str] = Counter()
    beside = reader.tuples(
        "SELECT DISTINCT record, author, family FROM authors WHERE record IN (SELECT value FROM json_each(?))",
        (json.dumps(sorted(person.records)),),
    )
    known = {
        spelling: other.name
        for other in _people(reader, {family for _, _, family in beside})
        for spelling in other.spellings
    }
    for _, other in {(record, known[spelling]) for record, spelling, _ in beside}:
        together[other] += other != person.name
    coauthors = sorted(+together, key=lambda other: (-together[other], other))
    maybe = [
        other for other in people if other is not person and given_names_agree(person.given, other.given, strict=True)
    ]
    return AuthorPage(person, tuple((other, together[other]) for other in coauthors), tuple(maybe))


def named(reader: Reader, asked: Sequence[str]) -> list[Person]:
    """Authors whom a question (in words) names: by family name alone, or with given names or initials beside it."""
    spans = {
        (start, end): " ".join(asked[start:end])
        for start in range(len(asked))
        for end in range(start + 1, min(start + _FAMILY, len(asked)) + 1)
    }
    people: dict[str, list[Person]] = defaultdict(list)
    for family, person in _by_family(reader, set(spans.values())):
        people[family].append(person)
    found = [
        person
        for (start, end), family in spans.items()
        for person in people[family]
        if len(asked) == end - start
        or any(given_names_agree(given, person.given, strict=True) for given in _beside(asked, start, end))
    ]
    return sorted(dict.fromkeys(found), key=lambda person: (-len(person.records), person.name))


def _beside(asked: Sequence[str], start: int, end: int) -> Iterator[list[str]]:
    """Words next to a family name that may be given names."""
    for first in range(max(start - _GIVEN, 0), start):
        yield [word for word in asked[first:start] if word not in PARTICLES]
    for last in range(end + 1, min(end + _GIVEN, len(asked)) + 1):
        yield [word for word in asked[end:last] if word not in PARTICLES]


def _people(reader: Reader, families: Iterable[str]) -> list[Person]:
    return [person for _, person in _by_family(reader, families)]


def _by_family(reader: Reader, families: Iterable[str]) -> Iterator[tuple[str, Person]]:
    """The persons of each family (folded), spellings joined where they can be of one person only."""
    printed: dict[str, dict[str, tuple[tuple[str, ...], set[str]]]] = defaultdict(dict)
    for family, given, spelling, record in reader.tuples(
        "SELECT family, given, author, record FROM authors WHERE family IN (SELECT value FROM json_each(?)) "
        "ORDER BY author, record",
        (json.dumps(sorted(families)),),
    ):
        printed[family].setdefault(spelling, (tuple(given.split()), set()))[1].add(record)
    for family, spellings in printed.items():
        groups: list[list[str]] = []
        # The fullest first, so that what is shorter finds all it may belong to.
        for spelling in sorted(spellings, key=lambda name: (-_written_out(spellings[name][0]), name)):
            given = spellings[spelling][0]
            same = [
                group
                for group in groups
                if given == spellings[group[0]][0] or given_names_agree(given, spellings[group[0]][0], strict=True)
            ]
            if len(same) == 1:
                same[0].append(spelling)
            else:
                groups.append([spelling])
        for group in groups:
            records = frozenset(record for spelling in group for record in spellings[spelling][1])
            yield family, Person(group[0], tuple(group), spellings[group[0]][0], records)


def _written_out(given: Sequence[str]) -> int:
    """How full given names are: letters, and words that are more than an initial most of all."""
    return sum(100 * (len(name) > 1) + len(name) for name in given)
