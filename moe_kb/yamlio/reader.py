"""The strict reader: one document of plain mappings, sequences and scalars, bounded in size and depth.

YAML is hostile until read: libyaml's composer recurses in C and dies at about 50,000 levels, aliases expand without
bound once walked, tags construct objects, later duplicate keys silently win. All are refused, the first two before
anything is constructed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import yaml

from moe_kb.errors import YamlError

try:
    from yaml import CSafeLoader as _BaseLoader
except ImportError:  # PyYAML built without libyaml: slower, same rules
    from yaml import SafeLoader as _BaseLoader  # type: ignore[assignment]

MAX_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 40

_FORBIDDEN_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\ufffe\uffff]")


class _StrictLoader(_BaseLoader):
    """YAML 1.2's core scalars only (no dates, yes/no, octals or sexagesimals), and unique keys."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        mapping: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            # A merge key needs an alias, which the event guard refuses; `<<` is then an ordinary, wrong key.
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if not isinstance(key, str):
                raise YamlError("yaml-key", f"the key {key!r} is not text", "Quote it.", line)
            if key in mapping:
                raise YamlError("yaml-duplicate-key", f"the key {key!r} stands twice", "Keep one of the two.", line)
            mapping[key] = self.construct_object(value_node, deep=True)
        return mapping

    def construct_yaml_map(self, node: Any) -> Any:
        return self.construct_mapping(node)

    def construct_yaml_seq(self, node: Any) -> Any:
        return [self.construct_object(child, deep=True) for child in node.value]

    def construct_core_int(self, node: Any) -> int:
        if len(node.value) > 40:
            raise YamlError(
                "yaml-number", "a number of more than 40 digits", "Quote it if it is text.", node.start_mark.line + 1
            )
        return int(node.value)

    def construct_core_float(self, node: Any) -> float:
        number = float(node.value)
        if not math.isfinite(number):
            raise YamlError(
                "yaml-number", "a number too large to hold", "Quote it if it is text.", node.start_mark.line + 1
            )
        return number


#: What a plain scalar means (YAML 1.2's core schema without hexadecimal, octal and infinite numbers): tag, form, first
#: characters. The dumper quotes every string that would be read as one of these.
IMPLICIT = (
    ("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), ["t", "f"]),
    ("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$"),
        list("-+.0123456789"),
    ),
    ("tag:yaml.org,2002:null", re.compile(r"^(?:null|~|)$"), ["n", "~", ""]),
)
_StrictLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in IMPLICIT:
    _StrictLoader.add_implicit_resolver(_tag, _pattern, _first)
_StrictLoader.add_constructor("tag:yaml.org,2002:map", _StrictLoader.construct_yaml_map)
_StrictLoader.add_constructor("tag:yaml.org,2002:seq", _StrictLoader.construct_yaml_seq)
_StrictLoader.add_constructor("tag:yaml.org,2002:int", _StrictLoader.construct_core_int)
_StrictLoader.add_constructor("tag:yaml.org,2002:float", _StrictLoader.construct_core_float)


def read_text(path: Path, root: Path | None = None) -> str:
    """Read a file as UTF-8 text, refusing what cannot be a record.

    Args:
        path: The file.
        root: If given, the folder that the file must really lie in; a link that leads out of it is refused.

    Raises:
        YamlError: The file is missing, not a regular file, outside `root`, too large, or not UTF-8 text.
    """
    try:
        if root is not None and not path.resolve().is_relative_to(root.resolve()):
            raise YamlError("file-outside", "the file is a link that leads out of the tree", "Copy it into the tree.")
        if not path.is_file():
            raise YamlError("file-kind", "not a regular file", "Records are regular .yaml files; remove it.")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise YamlError(
                "file-size", f"{size:,} bytes, more than the {MAX_BYTES:,} allowed", "Split it into several records."
            )
        raw = path.read_bytes()
    except OSError as error:
        raise YamlError("file-read", f"cannot be read: {error.strerror}", "Check its permissions.") from None
    except RuntimeError:  # what Path.resolve raises for a link that leads to itself
        raise YamlError("file-read", "cannot be read: a link that leads to itself", "Remove it.") from None
    return decode(raw)


def decode(raw: bytes) -> str:
    """Decode UTF-8 and refuse control characters; raises `YamlError`."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise YamlError("file-encoding", "not UTF-8 text", "Save the file as UTF-8.", line) from None
    found = _FORBIDDEN_CHARACTERS.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise YamlError("file-characters", f"the control character U+{ord(found.group()):04X}", "Remove it.", line)
    return text


def parse(text: str) -> Any:
    """Parse one strict YAML document into dicts, lists and scalars.

    Raises:
        YamlError: Not well-formed; aliases, anchors, tags or several documents; nested deeper than 40 levels;
            duplicate or non-text keys.
    """
    if len(text) > MAX_BYTES:
        raise YamlError("file-size", f"more than {MAX_BYTES:,} characters", "Split it into several records.")
    try:
        _guard(text)
        return yaml.load(text, Loader=_StrictLoader)
    except YamlError:
        raise
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise YamlError(
            "yaml-syntax",
            f"not well-formed YAML: {problem}",
            "Mend the indentation, quotes or brackets there.",
            mark.line + 1 if mark else None,
        ) from None


def _guard(text: str) -> None:
    """Refuse what must not reach the composer, looking at parser events only."""
    depth = documents = 0
    escapes = "\\" in text
    event: Any
    for event in yaml.parse(text, Loader=_BaseLoader):
        kind = type(event)
        if kind is yaml.ScalarEvent:
            # Plain and quoted scalars carry no tag; an explicit one ("!x", "!!binary") does.
            if event.anchor is not None or event.tag is not None:
                raise _fancy(event)
            if escapes and (found := _FORBIDDEN_CHARACTERS.search(event.value)):
                raise YamlError(
                    "file-characters",
                    f"the control character U+{ord(found.group()):04X}, written as an escape",
                    "Remove it.",
                    event.start_mark.line + 1,
                )
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            depth += 1
            if depth > MAX_DEPTH:
                raise YamlError(
                    "yaml-depth", f"nested deeper than {MAX_DEPTH} levels", "Flatten it.", event.start_mark.line + 1
                )
            if event.anchor is not None or event.tag is not None:
                raise _fancy(event)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            depth -= 1
        elif kind is yaml.AliasEvent:
            raise _fancy(event)
        elif kind is yaml.DocumentStartEvent:
            documents += 1
            if documents > 1:
                raise YamlError(
                    "yaml-documents", "a second document", "One record, one file.", event.start_mark.line + 1
                )
    if documents == 0:
        raise YamlError("yaml-empty", "the file is empty", "Write the record, or remove the file.")


def _fancy(event: Any) -> YamlError:
    what = "an alias or anchor" if isinstance(event, yaml.AliasEvent) or event.anchor is not None else "a tag"
    return YamlError(
        "yaml-plain",
        f"{what} (&, * or ! at the start of a value)",
        "Write the value out, or quote it.",
        event.start_mark.line + 1,
    )


def line_of(text: str, path: tuple[str | int, ...]) -> int | None:
    """Line (1-based) of the value at `path`, or of its nearest existing ancestor; costs a second parse."""
    return line_finder(text)(path)


def line_finder(text: str) -> Callable[[tuple[str | int, ...]], int | None]:
    """`line_of` for many paths of one text, at the cost of one second parse."""
    try:
        top: Any = yaml.compose(text, Loader=_BaseLoader)
    except yaml.YAMLError:
        top = None

    def find(path: tuple[str | int, ...]) -> int | None:
        node, line = top, top.start_mark.line + 1 if top else None
        for step in path:
            child: Any = None
            if isinstance(node, yaml.MappingNode):
                for key_node, value_node in node.value:
                    if key_node.value == str(step):
                        child, line = value_node, key_node.start_mark.line + 1
                        break
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                child = node.value[step]
                line = child.start_mark.line + 1
            if child is None:
                continue  # pydantic's path may name a union member, which is no node of the file
            node = child
        return line

    return find
