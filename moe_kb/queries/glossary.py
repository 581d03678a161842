"""The glossary: terms of the field with where their meanings were read, found by any of their spellings."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from moe_kb.db.reader import Reader
from moe_kb.folding import fold, words
from moe_kb.format import citation, sentence_case, with_year


@dataclass(frozen=True, slots=True)
class Term:
    """A term of the field."""

    term: str
    short: tuple[str, ...]
    """Short forms and other spellings: its own, and those of the list that search reads."""
    definition: str
    source: str
    """Key of the source."""
    place: str
    """Name of the source and the place in it."""
    locator: str | None
    see: tuple[tuple[str, str], ...]
    """Full name and label of each record or node that shows it."""

    def is_called(self, spelling: str) -> bool:
        """Whether it goes by this name, whatever its case, spaces and hyphens."""
        return fold(spelling) in {fold(name) for name in (self.term, *self.short)}

    def holds(self, text: str) -> bool:
        """Whether each word of a text begins a word of its names or of its definition."""
        known = words(" ".join((self.term, *self.short, self.definition)))
        return all(any(word.startswith(asked) for word in known) for asked in words(text))


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
    found = [
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
    groups: dict[str, list[str]] = {}
    for head, form in reader.tuples("SELECT term, form FROM short_forms ORDER BY rowid"):
        groups.setdefault(head, []).append(form)
    terms = {fold(term.term) for term in found}
    return [replace(term, short=(*term.short, *_listed(term, groups, terms))) for term in found]


def _listed(term: Term, groups: Mapping[str, Sequence[str]], terms: Collection[str]) -> list[str]:
    """Further spellings of a term out of the list of short forms; what is a term itself is none.

    They stand in the group of that name, else in one that holds the name and that no other term has.
    """
    name = fold(term.term)
    forms = next((forms for head, forms in groups.items() if fold(head) == name), None)
    if forms is None:
        held = ((head, forms) for head, forms in groups.items() if name in map(fold, forms))
        forms = next((forms for head, forms in held if fold(head) not in terms), ())
    known = {*terms} | {fold(short) for short in term.short}
    return [form for form in forms if fold(form) not in known]
