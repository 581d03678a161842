"""What answers a text, of every kind: records, authors, taxonomy nodes, implementations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from moe_kb.db.question import Question, every
from moe_kb.db.reader import Reader
from moe_kb.db.search import CLOSES, NAME, OPENS, TEXT, TITLE, Hit, Search
from moe_kb.queries.authors import named
from moe_kb.queries.taxonomy import node_labels

#: What can be found, in the order in which kinds stand that answer equally well.
KINDS = ("paper", "model", "design", "author", "node", "system", "implementation", "accelerator", "table", "source")
#: Those of them that are records.
RECORDS = tuple(kind for kind in KINDS if kind not in ("author", "node", "implementation"))


@dataclass(frozen=True, slots=True)
class Answers:
    """What was found, by kind, the kind with the best answer first."""

    hits: dict[str, list[Hit]]
    """By kind, best first; kinds without any are left out. `author:NAME`, `node:TAXONOMY:PATH` and `implementation:KEY`
    are the full names of what is no record."""
    respelt: str | None = None
    """The text as it was respelt, where nothing had its words as typed."""
    only_some: bool = False
    """Whether nothing has all words, so that these have some."""

    @property
    def all(self) -> list[Hit]:
        """Every hit, the best matches first."""
        return sorted((hit for found in self.hits.values() for hit in found), key=lambda hit: hit.tier)


def find(reader: Reader, text: str, *, most: int = 20) -> Answers:
    """The best answers of each kind, at most so many; no text finds nothing."""
    search = Search(reader.connection, text)
    if not search.question.text:
        return Answers({})
    found = [*_beside(reader, search.question, most, "text"), *_records(search, most, loosely=False)]
    respelt = None
    if not found:
        if search.respelt:
            found += _beside(reader, search.respelt, most, "spelling")
        found += _records(search, most, loosely=True)
        whole = [hit for hit in found if hit.why != "some words"]
        if any(hit.why == "spelling" for hit in whole) and search.respelt:
            respelt = search.respelt.text
        found = whole or found
    kinds: dict[str, list[Hit]] = {}
    for hit in found:
        kinds.setdefault(hit.kind, []).append(hit)
    order = sorted(kinds, key=lambda kind: (kinds[kind][0].tier, KINDS.index(kind)))
    return Answers({kind: kinds[kind] for kind in order}, respelt, any(hit.why == "some words" for hit in found))


def _records(search: Search, most: int, *, loosely: bool) -> Iterator[Hit]:
    for kind in RECORDS:
        yield from search.hits(kind=kind, limit=most, loosely=loosely)


def _beside(reader: Reader, question: Question, most: int, why: str) -> Iterator[Hit]:
    """Authors, nodes and implementations."""
    for person in named(reader, question.words)[:most]:
        number = len(person.records)
        also = ", ".join(spelling for spelling in person.spellings[:4] if spelling != person.name)
        title = f"{number} paper{'' if number == 1 else 's'}" + (f", also printed as {also}" if also else "")
        yield Hit(f"author:{person.name}", "author", person.name, person.name, None, title, "", why, NAME)
    if not question.parts:
        return
    paths = node_labels(reader)
    told: dict[str, set[str]] = {"node": set(), "implementation": set()}
    for tier, columns in ((TITLE, "{name} :"), (TEXT, "")):
        for place, name, marked in reader.tuples(
            f"SELECT place, name, snippet(search_places, 2, '{OPENS}', '{CLOSES}', ' … ', 24) FROM search_places "
            "WHERE search_places MATCH ? AND rank MATCH 'bm25(0, 10.0, 1.0)' ORDER BY rank",
            (f"{columns} ({every(question.parts)})",),
        ):
            kind, _, key = place.partition(":")
            if place not in told[kind] and len(told[kind]) < most:
                told[kind].add(place)
                about = " · ".join(marked.split("\n") if OPENS in marked else marked.split("\n")[:1])
                yield Hit(place, kind, key, name, None, paths.get(key, ""), about, why, tier)
