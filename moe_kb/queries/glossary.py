"""The glossary: terms of the field with where their meanings were read, found by any of their spellings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from moe_kb.db.reader import Reader
from moe_kb.format import citation, sentence_case, with_year


@dataclass(frozen=True, slots=True)
class Term:
    """A term of the field."""

    term: str
    short: tuple[str, ...]
    """Short forms and other spellings."""
    definition: str
    source: str
    """Key of the source."""
    place: str
    """Name of the source and the place in it."""
    locator: str | None
    see: tuple[tuple[str, str], ...]
    """Full name and label of each record or node that shows it."""

    def is_called(self, spelling: str) -> bool:
        """Whether it goes by this name, whatever its case and hyphens."""
        return folded(spelling) in {folded(name) for name in (self.term, *self.short)}

    def holds(self, words: Sequence[str]) -> bool:
        """Whether each of these words, folded, stands in one of its names or in its definition."""
        hay = folded(" ".join((self.term, *self.short, self.definition)))
        return all(word in hay for word in words)


def folded(text: str) -> str:
    """A spelling without case, hyphens and underscores.

    >>> folded("Aux-loss-free"), folded("norm_topk_prob")
    ('aux loss free', 'norm topk prob')
    """
    return " ".join(text.casefold().replace("-", " ").replace("_", " ").split())


def glossary(reader: Reader) -> list[Term]:
    """Every term in alphabetical order."""
    labels = {
        record: with_year(name, year if record.startswith("paper:") else None)
        for record, name, year in reader.tuples("SELECT record, name, year FROM records")
    }
    labels |= {
        f"node:{taxonomy}:{node}": f"{name}: {sentence_case(label)}"
        for taxonomy, node, label, name in reader.tuples(
            "SELECT n.taxonomy, n.node, n.label, s.name FROM nodes n "
            "JOIN taxonomies t ON t.key = n.taxonomy JOIN sources s ON s.key = t.source"
        )
    }
    return [
        Term(
            term,
            tuple(json.loads(short)),
            definition,
            source,
            citation(name, locator),
            locator,
            tuple((record, labels.get(record, record)) for record in json.loads(see)),
        )
        for term, short, definition, source, name, locator, see in reader.tuples(
            "SELECT g.term, g.short, g.definition, g.source, s.name, g.locator, g.see FROM glossary g "
            "JOIN sources s ON s.key = g.source ORDER BY g.term COLLATE NOCASE"
        )
    ]
