"""The rules, one function each. A rule yields (path in the file, rule id, message, fix)."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from moe_kb import references, yamlio
from moe_kb.claims.agreement import DATES
from moe_kb.claims.expand import typed_value
from moe_kb.corpus import (
    ALIGNMENT,
    CROSSWALK,
    GLOSSARY,
    GUIDE,
    ORGANISATIONS,
    ROUTES,
    SHORT_FORMS,
    WAIVERS,
    Corpus,
    Finding,
    unusable,
)
from moe_kb.errors import CheckFailedError, YamlError, close_names, did_you_mean
from moe_kb.fields import FIELDS
from moe_kb.folding import fold, words
from moe_kb.kinds import FOLDER_BY_KIND
from moe_kb.records import (
    RECORD_TYPES,
    Alignment,
    Crosswalk,
    Design,
    GatingProperties,
    Glossary,
    Guide,
    GuideCondition,
    Mark,
    Model,
    Organisations,
    Paper,
    Record,
    Routes,
    ShortForms,
    Source,
    Table,
    Taxonomy,
    Waivers,
)
from moe_kb.records.base import is_web_address
from moe_kb.records.dates import is_partial_date
from moe_kb.records.identifiers import address_fault, identifier_fault

Complaint = tuple[references.Path, str, str, str]
#: Names that are looked for among those of the whole tree, which takes milliseconds each where there are thousands.
_MAX_HINTS = 10


@dataclass
class Index:
    """What the rest of the tree offers to a record under check."""

    names: set[str]
    """Full names of records, and `node:taxonomy:path` of nodes."""
    identifiers: Mapping[tuple[str, str], list[str]] = field(default_factory=dict)
    """(scheme, value) to the full names of the records that have it."""
    parts: Mapping[str, set[str]] = field(default_factory=dict)
    """Full name to the labels of its configurations."""
    rows: Mapping[str, set[str]] = field(default_factory=dict)
    """Table key to its row identifiers."""
    unread: set[str] = field(default_factory=set)
    """Full names (and `taxonomy:key`) of what is there but cannot be read: findings of their own, said once."""

    @classmethod
    def of(cls, corpus: Corpus) -> Index:
        """Collect the facts of a whole corpus."""
        identifiers: dict[tuple[str, str], list[str]] = {}
        for name, record in corpus.records.items():
            for identifier in references.identifiers(record):
                identifiers.setdefault((identifier.scheme, identifier.value), []).append(name)
        return cls(
            names=set(corpus.records) | {f"node:{node}" for node in corpus.nodes},
            identifiers=identifiers,
            parts={
                name: references.parts(record) for name, record in corpus.records.items() if isinstance(record, Model)
            },
            rows={table.key: {row.row for row in table.rows} for table in corpus.of(Table)},
            unread=corpus.unread,
        )

    def lacks(self, name: str) -> bool:
        """Whether there is no record or node of this full name, not even one that cannot be read."""
        kind, _, key = name.partition(":")
        file = f"taxonomy:{key.partition(':')[0]}" if kind == "node" else name
        return name not in self.names and file not in self.unread


def file_matches_key(record: BaseModel, path: str, index: Index) -> Iterator[Complaint]:
    """The file is called after the record's key and stands in the folder of its kind."""
    key = getattr(record, "key", None)
    if key is None:
        return
    expected = f"taxonomy/{key}.yaml"
    if isinstance(record, Record):
        folder = f"data/{FOLDER_BY_KIND[record.KIND]}"
        if isinstance(record, Paper):
            folder += f"/{record.folder_year}"
        elif isinstance(record, Design):
            folder += f"/{record.component}"
        expected = f"{folder}/{key}.yaml"
    if path != expected:
        fix = "Move it, or fix the key, year or component."
        yield ("key",), "file-key", f"the record belongs in {expected}.", fix


def references_exist(record: BaseModel, path: str, index: Index) -> Iterator[Complaint]:
    """Every record and node referred to exists."""
    hints: dict[str, str] = {}
    for ref in references.references(record):
        if index.lacks(ref.to):
            kind, _, rest = ref.to.partition(":")
            what = f"the taxonomy node {rest}" if kind == "node" else f"the {kind} {rest!r}"
            if ref.to not in hints and len(hints) < _MAX_HINTS:
                hints[ref.to] = _meant(ref.to, index)
            fix = _hinted(hints.get(ref.to, ""), "Fix the key, or add the record.")
            yield ref.at, "dangling-reference", f"{what} does not exist.", fix


def _meant(full_name: str, index: Index) -> str:
    """Names of the tree that are close to one that does not exist: of the same kind, else the same key of another."""
    kind, _, key = full_name.partition(":")
    alike = [name.partition(":")[2] for name in index.names if name.startswith(f"{kind}:")]
    if close := close_names(key, alike):
        return did_you_mean(close)
    return did_you_mean(sorted(name for name in index.names if name.partition(":")[2] == key))


def _hinted(hint: str, fix: str) -> str:
    return f"{hint} {fix}".lstrip()


def identifiers_are_unique(record: Record, path: str, index: Index) -> Iterator[Complaint]:
    """No two papers share a title, arXiv id or DOI."""
    for identifier in references.identifiers(record):
        others = [n for n in index.identifiers.get((identifier.scheme, identifier.value), []) if n != record.reference]
        if others:
            message = f"{', '.join(others)} has the same {identifier.scheme}."
            fix = "Merge the records, or fix the one that is wrong."
            yield identifier.at, f"duplicate-{identifier.scheme}", message, fix


def identifiers_are_possible(record: BaseModel, path: str, index: Index) -> Iterator[Complaint]:
    """Identifiers, and addresses at arXiv, are of something that can be there."""
    fix = "Look it up where it was read, and fix it or leave it out."
    said: list[tuple[references.Path, str | None]] = []
    if isinstance(record, Paper):
        ids, links = dict(record.ids or ()), dict(record.links or ())
        said += [(("ids", scheme), identifier_fault(scheme, value)) for scheme, value in ids.items() if value]
        said += [(("links", name), address_fault(address)) for name, address in links.items() if address]
    elif isinstance(record, Source) and record.url:
        said.append((("url",), address_fault(record.url)))
    for at, fault in said:
        if fault:
            yield at, "impossible-identifier", f"no such identifier: {fault}.", fix


def fields_are_sourced(record: Record, path: str, index: Index) -> Iterator[Complaint]:
    """Every stated field is covered by `provenance`, and provenance names only fields that exist and say something."""
    stated = record.stated_fields()
    covered: set[str] = set()
    for position, provenance in enumerate(record.provenance):
        for name in provenance.fields:
            top, _, inner = name.partition(".")
            value = stated.get(top)
            parts = {part for part, said in value if said is not None} if isinstance(value, BaseModel) else set()
            if value is None or (inner and inner not in parts) or name.endswith("."):
                near = close_names(name, {*stated, *(f"{top}.{part}" for part in parts)})
                fix = _hinted(did_you_mean(near), "Remove it from `fields`, or fill the field in.")
                yield ("provenance", position, "fields"), "provenance-field", f"{name!r} says nothing here.", fix
            covered.add(name)
            if inner and isinstance(value, BaseModel):
                said = {f"{top}.{n}" for n, v in value if v is not None}
                if said <= covered:
                    covered.add(top)
    fix = "Name it in the `fields` of a `provenance` entry, with the place where it was read."
    for name in stated:
        if name not in covered:
            yield (name,), "unsourced", f"`{name}` has no source.", fix


def parts_exist(record: Model, path: str, index: Index) -> Iterator[Complaint]:
    """Claims and resolutions of a model name configurations that exist."""
    allowed = references.parts(record)
    known = f"Use one of: {', '.join(sorted(allowed)[:20]) or 'none yet'}."
    for list_name in ("claims", "resolutions"):
        for position, item in enumerate(getattr(record, list_name)):
            if item.configuration is not None and item.configuration not in allowed:
                message = f"no configuration is labelled {item.configuration!r}."
                fix = _hinted(did_you_mean(close_names(item.configuration, allowed)), known)
                yield (list_name, position, "configuration"), "unknown-configuration", message, fix


def claims_are_typed(record: Record, path: str, index: Index) -> Iterator[Complaint]:
    """A claim about a date is a date, about a year a whole number; otherwise two claims could not be compared."""
    for position, claim in enumerate(record.claims):
        at = ("claims", position, "value")
        if claim.field in DATES and not (isinstance(claim.value, str) and is_partial_date(claim.value)):
            yield (at, "claim-type", f"{claim.value!r} is no date.", "Write YYYY, YYYY-MM, YYYY-MM-DD or a/b.")
        elif claim.field == "year" and not isinstance(claim.value, int):
            yield at, "claim-type", f"{claim.value!r} is no year.", "Write a whole number."


def fields_are_spelt(record: Record, path: str, index: Index) -> Iterator[Complaint]:
    """A claim, note or column is not about a field that differs from a known one by a slip; new fields are welcome."""
    said = [(("claims", i, "field"), claim.field) for i, claim in enumerate(record.claims)]
    said += [(("resolutions", i, "field"), note.field) for i, note in enumerate(record.resolutions)]
    if isinstance(record, Table):
        said += [(("columns", i, "field"), column.field) for i, column in enumerate(record.columns) if column.field]
    for at, name in said:
        if name not in _KNOWN_FIELDS and (meant := _slip_of(name)):
            yield at, "field-name", f"{name!r} is no field that is known.", f"{meant} Fix its spelling."


@lru_cache(maxsize=4096)  # many records claim the same things
def _slip_of(field: str) -> str:
    return did_you_mean(close_names(field, _KNOWN_FIELDS, alike=_SLIP))


#: Fields of records, and those that are counted, compared and drawn.
_KNOWN_FIELDS = frozenset({*FIELDS, *(name for kind in RECORD_TYPES.values() for name in kind.model_fields)})
#: So alike are names that a letter or two tell apart; n_heads and d_heads, fp4 and fp8 are less.
_SLIP = 0.9


def cells_fit_columns(record: Table, path: str, index: Index) -> Iterator[Complaint]:
    """A cell of a typed column says what its type can hold, so that its claim can be compared."""
    columns = {column.name: column for column in record.columns}
    fix = "Fix the cell, or give it a `value` beside what is printed."
    for position, row in enumerate(record.rows):
        for name, cell in row.cells.items():
            column = columns.get(name)
            if column is None or column.field is None:
                continue
            for mark in cell if isinstance(cell, list) else [cell]:
                value, _ = typed_value(column, Mark(printed=mark) if isinstance(mark, str) else mark, {})
                kind = _KINDS_OF_FIELDS.get(column.field, column.type)
                if not _fits(kind, value):
                    yield ("rows", position, "cells", name), "cell-type", f"{value!r} is no {kind}.", fix


#: Fields whose values are of one kind, whatever the type of the column.
_KINDS_OF_FIELDS = {**dict.fromkeys(DATES, "date"), "year": "integer"}


def _fits(kind: str, value: object) -> bool:
    if kind == "date":
        return isinstance(value, str) and is_partial_date(value)
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in ("integer", "count"):
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return True


def links_are_web_addresses(record: BaseModel, path: str, index: Index) -> Iterator[Complaint]:
    """A claim or cell that holds an address holds one of http or https: people will click it."""
    if isinstance(record, Record):
        for position, claim in enumerate(record.claims):
            if _is_link(claim.field) and not _is_web(claim.value):
                yield ("claims", position, "value"), "link-scheme", f"{claim.value!r} is no web address.", _LINK_FIX
    if isinstance(record, Table):
        linking = {column.name for column in record.columns if column.field and _is_link(column.field)}
        for position, row in enumerate(record.rows):
            for name in linking & row.cells.keys():
                cell = row.cells[name]
                for mark in cell if isinstance(cell, list) else [cell]:
                    shown = mark if isinstance(mark, str) else mark.value or mark.printed
                    if not _is_web(shown):
                        at = ("rows", position, "cells", name)
                        yield at, "link-scheme", f"{shown!r} is no web address.", _LINK_FIX


_LINK_FIX = "Write an address that begins with https:// or http://."


def _is_link(field: str) -> bool:
    return field in ("weights", "report", "link", "repository", "url") or field.endswith("_url")


def _is_web(value: object) -> bool:
    return isinstance(value, str) and is_web_address(value)


def superseded_by_another(record: Record, path: str, index: Index) -> Iterator[Complaint]:
    """A record is not superseded by itself."""
    if record.superseded_by == record.key:
        yield ("superseded_by",), "superseded-self", "the record names itself.", "Name the record that replaces it."


def design_is_consistent(record: Design, path: str, index: Index) -> Iterator[Complaint]:
    """Only gating designs have gating properties."""
    if record.properties is not None and record.component != "gating":
        yield ("properties",), "gating-only", "only gating designs have `properties`.", "Remove them."


def table_is_consistent(record: Table, path: str, index: Index) -> Iterator[Complaint]:
    """Columns and rows are named once, and cells belong to columns."""
    columns = Counter(column.name for column in record.columns)
    rows = Counter(row.row for row in record.rows)
    for what, names in (("columns", columns), ("rows", rows)):
        if twice := sorted(name for name, times in names.items() if times > 1):
            yield (what,), "duplicate-name", f"{', '.join(twice)} stands twice.", "Name each once."
    for position, row in enumerate(record.rows):
        for name in row.cells:
            if name not in columns:
                fix = _hinted(did_you_mean(close_names(name, columns)), "Add the column, or fix the name.")
                yield ("rows", position, "cells", name), "unknown-column", f"{name!r} is no column of the table.", fix


def taxonomy_is_a_tree(record: Taxonomy, path: str, index: Index) -> Iterator[Complaint]:
    """Node ids are unique and each parent stands before its children."""
    seen: set[str] = set()
    for position, node in enumerate(record.nodes):
        at = ("nodes", position, "id")
        if node.id in seen:
            yield at, "duplicate-node", f"the node {node.id} stands twice.", "Keep one."
        if node.parent and node.parent not in seen:
            fix = _hinted(did_you_mean(close_names(node.parent, seen)), "Add or move the parent.")
            yield at, "node-parent", f"its parent {node.parent} does not stand above it.", fix
        seen.add(node.id)


def alignment_points_somewhere(record: Alignment, path: str, index: Index) -> Iterator[Complaint]:
    """Aligned rows and configurations exist; each row is aligned once; a row without subject says why."""
    seen: dict[str, set[str]] = defaultdict(set)
    for position, row in enumerate(record.rows):
        at = ("rows", position)
        known = index.rows.get(row.table, set())
        if row.row not in known and f"table:{row.table}" not in index.unread:
            fix = _hinted(did_you_mean(close_names(row.row, known)), "Fix the row.")
            yield (*at, "row"), "unknown-row", f"{row.table} has no row {row.row!r}.", fix
        if row.row in seen[row.table]:
            yield (*at, "row"), "duplicate-row", f"row {row.row} of {row.table} is aligned twice.", "Keep one."
        seen[row.table].add(row.row)
    for table, aligned in sorted(seen.items()):
        for missing in sorted(index.rows.get(table, set()) - aligned):
            fix = "Add it with its subject, or with the reason why it has none."
            yield ("rows",), "unaligned-row", f"row {missing!r} of {table} is not aligned.", fix
    entries = [(("rows", i), row.subject, row.configuration, row.reason) for i, row in enumerate(record.rows)]
    entries += [(("configs", i), c.subject, c.configuration, c.reason) for i, c in enumerate(record.configs)]
    for at, subject, configuration, reason in entries:
        if subject is None and reason is None:
            yield (at, "unaligned-reason", "no subject and no reason.", "Say which record it is about, or why none.")
        labels = index.parts.get(subject or "", set())
        if subject and configuration and configuration not in labels and subject not in index.unread:
            message = f"{subject} has no configuration {configuration!r}."
            hint = did_you_mean(close_names(configuration, labels))
            fix = _hinted(hint, "Fix the label, or add the configuration.")
            yield (*at, "configuration"), "unknown-configuration", message, fix


def crosswalk_crosses(record: Crosswalk, path: str, index: Index) -> Iterator[Complaint]:
    """A mapping compares nodes of two different taxonomies."""
    for position, mapping in enumerate(record.mappings):
        if mapping.subject.split(":")[0] == mapping.object.split(":")[0]:
            message, fix = "both nodes belong to one taxonomy.", "Compare nodes of two taxonomies."
            yield ("mappings", position), "crosswalk-self", message, fix


def waivers_are_in_order(record: Waivers, path: str, index: Index) -> Iterator[Complaint]:
    """Each issue is waived once, in the order of the ids, and is about a record that exists."""
    before = ""
    for position, issue in enumerate(waiver.issue for waiver in record.waivers):
        at = ("waivers", position, "issue")
        if issue == before:
            yield at, "duplicate-waiver", f"{issue} is waived twice.", "Keep one."
        elif issue < before:
            yield at, "waiver-order", f"{issue} stands after {before}.", "Sort the entries by `issue`."
        before = issue
        subject = re.split("[#/=]", issue.split("/", 2)[2], maxsplit=1)[0]
        if index.lacks(subject):
            fix = _hinted(_meant(subject, index), "Fix the id, or remove the entry.")
            yield at, "dangling-waiver", f"{subject} does not exist.", fix


def guide_is_consistent(record: Guide, path: str, index: Index) -> Iterator[Complaint]:
    """Keys are unique, and rules speak of answers, properties and values that there are."""
    answers = {question.key: [answer.key for answer in question.answers] for question in record.questions}
    keys = [*(question.key for question in record.questions), *(rule.key for rule in record.rules)]
    for key in _repeated(keys):
        yield (), "duplicate-key", f"two questions or rules are called {key}.", "Give one a new key."
    for place, question in enumerate(record.questions):
        for key in _repeated(answers[question.key]):
            yield ("questions", place, "answers"), "duplicate-key", f"two answers are called {key}.", "Rename one."
    for place, rule in enumerate(record.rules):
        for asked, given in rule.when.items():
            for answer in given:
                if answer not in answers.get(asked, ()):
                    fix = f"Use: {', '.join(answers.get(asked, answers))}."
                    message = f"no question {asked} has the answer {answer}."
                    yield ("rules", place, "when", asked), "guide-answer", message, fix
        for name, conditions in (("any_of", rule.any_of), ("refuted_by", rule.refuted_by)):
            for number, condition in enumerate(conditions):
                for what, message, fix in _wrong_condition(condition):
                    yield ("rules", place, name, number), what, message, fix


def _repeated(keys: list[str]) -> list[str]:
    return [key for key, times in Counter(keys).items() if times > 1]


def _wrong_condition(condition: GuideCondition) -> Iterator[tuple[str, str, str]]:
    name = condition.property
    if name not in GatingProperties.model_fields:
        near = close_names(name, GatingProperties.model_fields)
        fix = _hinted(did_you_mean(near), "Use a property of gating designs.")
        yield "guide-property", f"there is no property {name!r}.", fix
        return
    words = GatingProperties.vocabulary(name)
    if bool(words) != bool(condition.one_of) or bool(words) == bool(condition.contains):
        fix = f"Write one_of, with some of: {', '.join(words)}." if words else "It is text: write contains."
        yield "guide-condition", f"{name} has a vocabulary." if words else f"{name} has no vocabulary.", fix
        return
    for word in condition.one_of:
        if word not in (words or ()):
            yield "guide-value", f"{word!r} is no value of {name}.", f"Use some of: {', '.join(words or ())}."


def organisations_are_distinct(record: Organisations, path: str, index: Index) -> Iterator[Complaint]:
    """A spelling belongs to one organisation, and the entries stand by name."""
    owners: dict[str, str] = {}
    before = ""
    for position, organisation in enumerate(record.organisations):
        name = organisation.name
        if name.casefold() < before.casefold():
            message = f"{name} stands after {before}."
            yield ("organisations", position, "name"), "organisation-order", message, "Sort the entries by `name`."
        before = name
        for spelling in (name, *organisation.aliases):
            if spelling in owners:
                message = f"{spelling!r} already stands at {owners[spelling]}."
                yield ("organisations", position, "name"), "duplicate-organisation", message, "Keep it at one of them."
            owners.setdefault(spelling, name)


def glossary_is_distinct(record: Glossary, path: str, index: Index) -> Iterator[Complaint]:
    """A term or short form has one meaning, and the entries stand in alphabetical order."""
    owners: dict[str, str] = {}
    before = ""
    for position, term in enumerate(record.terms):
        at = ("terms", position, "term")
        if term.term.casefold() < before.casefold():
            yield at, "glossary-order", f"{term.term} stands after {before}.", "Sort the entries by `term`."
        before = term.term
        for spelling in (term.term, *term.short):
            if owners.get(spelling.casefold(), term.term) != term.term:
                message = f"{spelling!r} already stands at {owners[spelling.casefold()]!r}."
                yield at, "duplicate-term", message, "Keep it at one of them."
            owners.setdefault(spelling.casefold(), term.term)


def routes_are_distinct(record: Routes, path: str, index: Index) -> Iterator[Complaint]:
    """A route's key is its own, and a work stands once on a route."""
    keys = Counter(route.key for route in record.routes)
    for position, route in enumerate(record.routes):
        if keys[route.key] > 1:
            yield ("routes", position, "key"), "duplicate-route", f"{route.key!r} stands twice.", "Give one a new key."
        seen: set[str] = set()
        for place, stop in enumerate(route.stops):
            if stop.work in seen:
                at = ("routes", position, "stops", place, "work")
                yield at, "duplicate-stop", f"{stop.work} already stands on {route.key}.", "Keep one."
            seen.add(stop.work)


def short_forms_are_distinct(record: ShortForms, path: str, index: Index) -> Iterator[Complaint]:
    """A form stands for one term, is short, and the entries stand by term."""
    taken: dict[str, str] = {}
    before = ""
    for position, entry in enumerate(record.short_forms):
        at = ("short_forms", position, "term")
        if entry.term.casefold() < before.casefold():
            yield at, "short-form-order", f"{entry.term} stands after {before}.", "Sort the entries by `term`."
        before = entry.term
        for form in (entry.term, *entry.forms):
            folded = fold(form)
            if not 1 <= len(words(form)) <= 4:
                yield at, "short-form-length", f"{form!r} has more than four words, or none.", "Shorten or remove it."
            if folded in taken:
                message = f"{form!r} is written like {taken[folded]!r}; search sees no difference."
                yield at, "duplicate-short-form", message, "Keep one of them."
            taken[folded] = form


#: Fields that people read as words, and what each is called.
_WORDED = {
    "name": "name",
    "title": "title",
    "aliases": "name",
    "authors": "author",
    "venue": "venue",
    "organisation": "organisation",
    "domain": "domain",
}
#: What stands in such a field by mistake, and how it looks.
_OTHER_KINDS = {
    "an address": re.compile(r"(https?:|ftp:|www\.)\S+|[\w-]+(\.[\w-]+)*\.[a-z]{2,6}/\S*", re.IGNORECASE),
    "an arXiv identifier": re.compile(r"(arxiv:\s*)?\d{4}\.\d{4,5}(v\d+)?|arxiv:\s*[a-z.-]+/\d{7}", re.IGNORECASE),
    "a DOI": re.compile(r"(doi:\s*)?10\.\d{4,9}/\S+", re.IGNORECASE),
    "a mail address": re.compile(r"\S+@\S+\.\w+"),
    "a number or date": re.compile(r"[\d\s.,:/–-]*\d[\d\s.,:/–-]*"),
    "a placeholder": re.compile(r"none|null|nil|nan|n/?a|todo|tbd|unknown|untitled|anonymous|\W+", re.IGNORECASE),
    "markup": re.compile(r"<[a-z!/].*>|\[[^\]]*\]\(\S*\)|@\w+\{.*", re.IGNORECASE | re.DOTALL),
}


def words_are_words(record: Record, path: str, index: Index) -> Iterator[Complaint]:
    """A title, name, author or venue is none of the other things that get pasted there: an address, a number."""
    stated: list[tuple[references.Path, str, object]] = [
        ((name,), name, getattr(record, name, None)) for name in _WORDED
    ]
    stated += [(("claims", i, "value"), claim.field, claim.value) for i, claim in enumerate(record.claims)]
    for at, name, value in stated:
        for position, text in enumerate(value if isinstance(value, list) else [value]):
            kind = _other_kind(text) if name in _WORDED and isinstance(text, str) else None
            if kind:
                where = (*at, position) if isinstance(value, list) else at
                fix = f"Write the {_WORDED[name]} as the source prints it; addresses belong in `links`, `ids` or `url`."
                yield where, "wrong-kind", f"{text!r} is {kind}, no {_WORDED[name]}.", fix


def _other_kind(text: str) -> str | None:
    return next((kind for kind, looks in _OTHER_KINDS.items() if looks.fullmatch(text.strip())), None)


Rule = Callable[[Any, str, Index], Iterator[Complaint]]
#: The type of what a rule looks at, and the rule.
RULES: tuple[tuple[type[BaseModel], Rule], ...] = (
    (BaseModel, file_matches_key),
    (BaseModel, references_exist),
    (Record, identifiers_are_unique),
    (BaseModel, identifiers_are_possible),
    (Record, fields_are_sourced),
    (Model, parts_exist),
    (Record, claims_are_typed),
    (Record, fields_are_spelt),
    (Table, cells_fit_columns),
    (BaseModel, links_are_web_addresses),
    (Record, superseded_by_another),
    (Design, design_is_consistent),
    (Table, table_is_consistent),
    (Taxonomy, taxonomy_is_a_tree),
    (Alignment, alignment_points_somewhere),
    (Crosswalk, crosswalk_crosses),
    (Waivers, waivers_are_in_order),
    (Organisations, organisations_are_distinct),
    (Glossary, glossary_is_distinct),
    (Routes, routes_are_distinct),
    (ShortForms, short_forms_are_distinct),
    (Guide, guide_is_consistent),
    (Record, words_are_words),
)


def check_record(record: BaseModel, path: str, index: Index, root: Path | None = None) -> list[Finding]:
    """Apply every rule to one record; with `root`, findings carry line numbers (a second parse of the file)."""
    rules = [rule for kind, rule in RULES if isinstance(record, kind)]
    try:
        complaints = [complaint for rule in rules for complaint in rule(record, path, index)]
    except Exception as error:  # a net: whatever a record says, it is its file's finding
        return [unusable(path, error)]
    if not complaints:
        return []
    text = ""
    if root is not None:
        try:
            text = yamlio.read_text(root / path, root)
        except YamlError:
            text = ""
    line_of = yamlio.line_finder(text)
    return [Finding(path, line_of(at), rule, message, fix) for at, rule, message, fix in complaints]


def check_corpus(corpus: Corpus) -> list[Finding]:
    """Every finding of a tree: reading it, and the rules across its records."""
    index = Index.of(corpus)
    findings = list(corpus.findings)
    entries: list[tuple[str, BaseModel]] = [(corpus.paths[name], record) for name, record in corpus.records.items()]
    entries += [(corpus.paths[f"taxonomy:{key}"], taxonomy) for key, taxonomy in corpus.taxonomies.items()]
    if corpus.crosswalk.mappings:
        entries.append((CROSSWALK, corpus.crosswalk))
    if corpus.alignment.rows or corpus.alignment.configs:
        entries.append((ALIGNMENT, corpus.alignment))
    if corpus.waivers.waivers:
        entries.append((WAIVERS, corpus.waivers))
    if corpus.organisations.organisations:
        entries.append((ORGANISATIONS, corpus.organisations))
    if corpus.glossary.terms:
        entries.append((GLOSSARY, corpus.glossary))
    if corpus.routes.routes:
        entries.append((ROUTES, corpus.routes))
    if corpus.short_forms.short_forms:
        entries.append((SHORT_FORMS, corpus.short_forms))
    if corpus.guide.questions or corpus.guide.rules:
        entries.append((GUIDE, corpus.guide))
    for path, record in entries:
        findings.extend(check_record(record, path, index, corpus.root))
    return sorted(set(findings), key=lambda f: (f.path, f.line or 0, f.rule, f.message))


def refuse(findings: list[Finding]) -> None:
    """Raise `CheckFailedError` with the first findings, if there are any."""
    if findings:
        shown = "\n".join(f"  {finding}" for finding in findings[:10])
        more = f"\n  ... and {len(findings) - 10} more" if len(findings) > 10 else ""
        raise CheckFailedError(
            f"the records have {len(findings)} findings, so the database was left as it was:\n{shown}{more}\n"
            "Fix them, then build again (moe-kb check lists them all)."
        )
