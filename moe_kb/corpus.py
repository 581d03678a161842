"""A tree of records in memory: every file read strictly, every problem a finding with its place and fix."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from moe_kb import yamlio
from moe_kb.errors import YamlError, close_names, did_you_mean
from moe_kb.kinds import KIND_BY_FOLDER
from moe_kb.records import (
    RECORD_TYPES,
    Alignment,
    Crosswalk,
    Glossary,
    Guide,
    Organisations,
    Record,
    Routes,
    ShortForms,
    Taxonomy,
    Waivers,
)
from moe_kb.records.base import LINE_PATTERN, fields_at
from moe_kb.stamps import FileStamp, scan

ALIGNMENT = "data/alignment.yaml"
WAIVERS = "data/waivers.yaml"
ORGANISATIONS = "data/organisations.yaml"
SHORT_FORMS = "data/short-forms.yaml"
GUIDE = "data/guide.yaml"
CROSSWALK = "taxonomy/crosswalk.yaml"
GLOSSARY = "data/glossary.yaml"
ROUTES = "data/routes.yaml"
#: Files of which a tree has one, and what each holds.
SINGLE: dict[str, type[BaseModel]] = {
    ALIGNMENT: Alignment,
    WAIVERS: Waivers,
    ORGANISATIONS: Organisations,
    CROSSWALK: Crosswalk,
    GLOSSARY: Glossary,
    ROUTES: Routes,
    SHORT_FORMS: ShortForms,
    GUIDE: Guide,
}
#: Schema findings listed of one file; a hostile file could have a million.
MAX_FINDINGS = 50
#: Characters of a finding's message.
MAX_TEXT = 1_000

M = TypeVar("M", bound=BaseModel)
#: Called with path, record and text of a file.
Look = Callable[[str, BaseModel | None, str], None]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A broken rule: where, which, what is wrong and how to fix it."""

    path: str
    """File, relative to the root, with forward slashes."""
    line: int | None
    """Line, counted from 1; none: the file as a whole."""
    rule: str
    """Id of the rule."""
    message: str
    """What is wrong."""
    fix: str
    """What to do."""

    def __post_init__(self) -> None:
        # A message names what is wrong, and a hostile file may hold a megabyte there.
        for name in ("message", "fix"):
            text = getattr(self, name)
            if len(text) > MAX_TEXT:
                object.__setattr__(self, name, f"{text[:MAX_TEXT]} …")

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: [{self.rule}] {self.message} {self.fix}"


def unusable(path: str, error: Exception) -> Finding:
    """The finding for a record that went wrong in a way that no rule foresaw, in place of a traceback."""
    message = f"the record cannot be used ({type(error).__name__}: {str(error)[:200]})."
    fix = "Fix the value it names; if every value is right, moe-kb has a fault: please report it with the file."
    return Finding(path, None, "unusable", message, fix)


def model_type_of(path: str) -> type[BaseModel] | None:
    """The type that a file of the tree holds, by its relative path; none: the file has no business there."""
    parts = path.split("/")
    if path in SINGLE:
        return SINGLE[path]
    if parts[0] == "taxonomy" and len(parts) == 2:
        return Taxonomy
    if parts[0] == "data" and len(parts) >= 3 and parts[1] in KIND_BY_FOLDER:
        return RECORD_TYPES[KIND_BY_FOLDER[parts[1]]]
    return None


def read_model(root: Path, path: str) -> tuple[BaseModel | None, str, list[Finding]]:
    """Read one file of the tree.

    Returns:
        The record (none where it cannot be read), the file's text, and the findings.
    """
    if (root / path).is_dir() and not path.endswith(".yaml"):
        return None, "", [Finding(path, None, "file-read", "the folder cannot be read.", "Check its permissions.")]
    kind = model_type_of(path)
    if kind is None:
        near = close_names(path.split("/")[1], KIND_BY_FOLDER) if path.count("/") > 1 else []
        fix = f"Put .yaml files under data/<{'|'.join(KIND_BY_FOLDER)}>/ or taxonomy/, or remove the file."
        fix = f"{did_you_mean(near)} {fix}".lstrip()
        return None, "", [Finding(path, None, "file-place", "no kind of record belongs here.", fix)]
    if not path.endswith(".yaml"):
        return None, "", [Finding(path, None, "file-name", "not a .yaml file.", "Rename or remove it.")]
    text = ""
    try:
        text = yamlio.read_text(root / path, root)
        record, findings = validate(kind, yamlio.parse(text), path, text)
    except YamlError as error:
        return None, text, [Finding(path, error.line, error.rule, f"{error.message}.", error.fix)]
    except Exception as error:  # a net: whatever is in a file, it is this file's finding
        return None, text, [unusable(path, error)]
    return record, text, findings


def validate(kind: type[M], data: Any, path: str, text: str) -> tuple[M | None, list[Finding]]:
    """Validate parsed data against a record type, turning every schema error into a finding."""
    try:
        return kind.model_validate(data), []
    except ValidationError as error:
        problems = error.errors(include_url=False)
    line_of = yamlio.line_finder(text)
    told = _told(problems, data)
    findings = []
    for place, problem in told[:MAX_FINDINGS]:
        message, fix = _explained(kind, place, problem)
        findings.append(Finding(path, line_of(place), "schema", message, fix))
    if len(told) > MAX_FINDINGS:
        message = f"{len(told) - MAX_FINDINGS:,} more findings in this file."
        findings.append(Finding(path, None, "schema", message, "Fix those listed first."))
    return None, findings


_Place = tuple[str | int, ...]


def _told(problems: list[ErrorDetails], data: Any) -> list[tuple[_Place, ErrorDetails]]:
    """Problems with their places in the file.

    Where a value may be of several types pydantic reports what is wrong with it as each; of those that only say "no
    text", "no list" one is enough, and none where another says more.
    """
    placed = [(_place(problem, data), problem) for problem in problems]
    says_more: set[_Place] = set()
    for place, problem in placed:
        says_more.update(place[:depth] for depth in range(len(place)))
        if not problem["type"].endswith("_type"):
            says_more.add(place)
    told = []
    for place, problem in placed:
        if problem["type"].endswith("_type"):
            if place in says_more:
                continue
            says_more.add(place)
        told.append((place, problem))
    return told


def _place(problem: ErrorDetails, data: Any) -> _Place:
    """Where a problem is, without the members of unions that pydantic names on the way."""
    place: list[str | int] = []
    for number, step in enumerate(problem["loc"], start=1):
        inside = step in data if isinstance(data, dict) else isinstance(data, list) and isinstance(step, int)
        if inside:
            data = data[step]
        if inside or (problem["type"] == "missing" and number == len(problem["loc"])):
            place.append(step)
    return tuple(place)


_FIXES = {
    "extra_forbidden": "Remove it, or check its spelling against the schema.",
    "missing": "Add the field.",
    "string_type": "Quote the value: unquoted it reads as another type.",
    "string_too_short": "Write something, or leave the field out.",
    "string_too_long": "Shorten it.",
    "int_type": "Write a whole number without quotes.",
    "int_from_float": "Write a whole number.",
    "float_type": "Write a number without quotes.",
    "bool_type": "Write true or false.",
    "list_type": "Write a list.",
    "literal_error": "Use one of the listed values.",
    "string_pattern_mismatch": "Use the form that the schema gives.",
}


def _explained(record_type: type[BaseModel], place: _Place, problem: ErrorDetails) -> tuple[str, str]:
    """What is wrong at a place, and what to do."""
    kind, shown, context = problem["type"], problem["input"], problem.get("ctx", {})
    where = ".".join(map(str, place)) or "the record"
    message = problem["msg"].removeprefix("Value error, ")
    fix = _FIXES.get(kind, "See the schema of this kind (docs/data-model.md).")
    near: list[str] = []
    if context.get("pattern") == LINE_PATTERN:
        message, fix = "must be one line, not blank", "Write it on one line, or leave the field out."
    elif kind == "extra_forbidden":
        near = close_names(str(place[-1]), fields_at(record_type, problem["loc"][:-1]))
    elif listed := context.get("expected", context.get("expected_tags")):
        written = shown.get("kind") if isinstance(shown, dict) else shown
        near = close_names(str(written), re.findall(r"'([^']*)'", listed))
    if kind not in ("missing", "extra_forbidden") and isinstance(shown, (str, int, float, bool)):
        message += f", not {str(shown)[:60]!r}"
    return f"{where}: {message}.", f"{did_you_mean(near)} {fix}".lstrip()


@dataclass
class Corpus:
    """Every readable record of a tree, with the findings of reading it."""

    root: Path
    records: dict[str, Record] = field(default_factory=dict)
    """By full name, `kind:key`."""
    paths: dict[str, str] = field(default_factory=dict)
    """Full name to relative path."""
    taxonomies: dict[str, Taxonomy] = field(default_factory=dict)
    crosswalk: Crosswalk = field(default_factory=lambda: Crosswalk(mappings=[]))
    alignment: Alignment = field(default_factory=lambda: Alignment(rows=[], configs=[]))
    waivers: Waivers = field(default_factory=lambda: Waivers(waivers=[]))
    organisations: Organisations = field(default_factory=lambda: Organisations(organisations=[]))
    glossary: Glossary = field(default_factory=lambda: Glossary(terms=[]))
    routes: Routes = field(default_factory=lambda: Routes(routes=[]))
    short_forms: ShortForms = field(default_factory=lambda: ShortForms(short_forms=[]))
    guide: Guide = field(default_factory=lambda: Guide(questions=[], rules=[]))
    findings: list[Finding] = field(default_factory=list)
    stamps: list[FileStamp] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)
    """Full names of the records (and `taxonomy:key`) whose files cannot be read, by the files' names."""

    @classmethod
    def load(cls, root: Path, stamps: Iterable[FileStamp] | None = None, *, each: Look | None = None) -> Corpus:
        """Read a tree; unreadable files become findings and are left out.

        Args:
            root: The tree.
            stamps: Its files, where they are known.
            each: Called with what was read of every file: path, record (None where it cannot be read), text.
        """
        corpus = cls(root)
        corpus.stamps = list(stamps) if stamps is not None else scan(root)
        for stamp in corpus.stamps:
            record, text, findings = read_model(root, stamp.path)
            corpus.findings.extend(findings)
            if each:
                each(stamp.path, record, text)
            corpus.add(stamp.path, record)
        return corpus

    def add(self, path: str, record: BaseModel | None) -> None:
        """Add what was read from `path` (none: it cannot be read); a second record of the same name is a finding."""
        if record is None:
            folder, key = path.split("/")[0 if path.startswith("taxonomy/") else 1], path.rpartition("/")[2]
            self.unread.add(f"{KIND_BY_FOLDER.get(folder, folder)}:{key.removesuffix('.yaml')}")
        elif isinstance(record, Record):
            if self._claim(record.reference, path):
                self.records[record.reference] = record
        elif isinstance(record, Taxonomy):
            if self._claim(f"taxonomy:{record.key}", path):
                self.taxonomies[record.key] = record
        elif isinstance(record, Crosswalk):
            self.crosswalk = record
        elif isinstance(record, Alignment):
            self.alignment = record
        elif isinstance(record, Waivers):
            self.waivers = record
        elif isinstance(record, Organisations):
            self.organisations = record
        elif isinstance(record, Glossary):
            self.glossary = record
        elif isinstance(record, Routes):
            self.routes = record
        elif isinstance(record, ShortForms):
            self.short_forms = record
        elif isinstance(record, Guide):
            self.guide = record

    def _claim(self, name: str, path: str) -> bool:
        """Give a name to a file; a name that is taken is a finding."""
        if name in self.paths:
            message = f"{name} is also the key of {self.paths[name]}."
            self.findings.append(Finding(path, 1, "duplicate-key", message, "Give one a new key."))
            return False
        self.paths[name] = path
        return True

    @cached_property
    def nodes(self) -> set[str]:
        """Full names of all taxonomy nodes."""
        return {f"{taxonomy.key}:{node.id}" for taxonomy in self.taxonomies.values() for node in taxonomy.nodes}

    def of(self, kind: type[M]) -> Iterator[M]:
        """Every record of one type, in order of path."""
        for record in self.records.values():
            if isinstance(record, kind):
                yield record
