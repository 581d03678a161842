"""A tree of records in memory: every file read strictly, every problem a finding with its place and fix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from moe_kb import yamlio
from moe_kb.errors import YamlError
from moe_kb.kinds import KIND_BY_FOLDER
from moe_kb.records import RECORD_TYPES, Alignment, Crosswalk, Organisations, Record, Taxonomy, Waivers
from moe_kb.stamps import FileStamp, scan

ALIGNMENT = "data/alignment.yaml"
WAIVERS = "data/waivers.yaml"
ORGANISATIONS = "data/organisations.yaml"
CROSSWALK = "taxonomy/crosswalk.yaml"
#: Schema findings listed of one file; a hostile file could have a million.
MAX_FINDINGS = 50

M = TypeVar("M", bound=BaseModel)


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

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: [{self.rule}] {self.message} {self.fix}"


def model_type_of(path: str) -> type[BaseModel] | None:
    """The type that a file of the tree holds, by its relative path; none: the file has no business there."""
    parts = path.split("/")
    if path == ALIGNMENT:
        return Alignment
    if path == WAIVERS:
        return Waivers
    if path == ORGANISATIONS:
        return Organisations
    if path == CROSSWALK:
        return Crosswalk
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
        fix = f"Put .yaml files under data/<{'|'.join(KIND_BY_FOLDER)}>/ or taxonomy/, or remove the file."
        return None, "", [Finding(path, None, "file-place", "no kind of record belongs here.", fix)]
    if not path.endswith(".yaml"):
        return None, "", [Finding(path, None, "file-name", "not a .yaml file.", "Rename or remove it.")]
    text = ""
    try:
        text = yamlio.read_text(root / path, root)
        data = yamlio.parse(text)
    except YamlError as error:
        return None, text, [Finding(path, error.line, error.rule, f"{error.message}.", error.fix)]
    record, findings = validate(kind, data, path, text)
    return record, text, findings


def validate(kind: type[M], data: Any, path: str, text: str) -> tuple[M | None, list[Finding]]:
    """Validate parsed data against a record type, turning every schema error into a finding."""
    try:
        return kind.model_validate(data), []
    except ValidationError as error:
        problems = error.errors(include_url=False)
    line_of = yamlio.line_finder(text)
    findings = [_schema_finding(path, line_of, dict(problem)) for problem in problems[:MAX_FINDINGS]]
    if len(problems) > MAX_FINDINGS:
        message = f"{len(problems) - MAX_FINDINGS:,} more findings in this file."
        findings.append(Finding(path, None, "schema", message, "Fix those listed first."))
    return None, findings


_FIXES = {
    "extra_forbidden": "Remove it, or check its spelling against the schema.",
    "missing": "Add the field.",
    "string_type": "Quote the value: unquoted it reads as another type.",
    "int_type": "Write a whole number without quotes.",
    "int_from_float": "Write a whole number.",
    "float_type": "Write a number without quotes.",
    "bool_type": "Write true or false.",
    "list_type": "Write a list.",
    "literal_error": "Use one of the listed values.",
    "string_pattern_mismatch": "Use the form that the schema gives.",
}


def _schema_finding(
    path: str, line_of: Callable[[tuple[str | int, ...]], int | None], problem: dict[str, Any]
) -> Finding:
    location = tuple(problem["loc"])
    where = ".".join(str(step) for step in location if not (isinstance(step, str) and "[" in step)) or "the record"
    kind = problem["type"]
    message = problem["msg"].removeprefix("Value error, ")
    shown = problem.get("input")
    if kind not in ("missing", "extra_forbidden") and isinstance(shown, (str, int, float, bool)):
        message += f", not {str(shown)[:60]!r}"
    fix = _FIXES.get(kind, "See the schema of this kind (docs/data-model.md).")
    return Finding(path, line_of(location), "schema", f"{where}: {message}.", fix)


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
    findings: list[Finding] = field(default_factory=list)
    stamps: list[FileStamp] = field(default_factory=list)

    @classmethod
    def load(cls, root: Path, stamps: Iterable[FileStamp] | None = None) -> Corpus:
        """Read a tree; unreadable files become findings and are left out."""
        corpus = cls(root)
        corpus.stamps = list(stamps) if stamps is not None else scan(root)
        for stamp in corpus.stamps:
            record, _, findings = read_model(root, stamp.path)
            corpus.findings.extend(findings)
            if record is not None:
                corpus.add(stamp.path, record)
        return corpus

    def add(self, path: str, record: BaseModel) -> None:
        """Add what was read from `path`; a second record of the same name is a finding."""
        if isinstance(record, Record):
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
