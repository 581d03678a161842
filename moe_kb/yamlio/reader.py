"""The strict reader: one document of plain mappings, sequences and scalars, bounded in size and depth.

YAML is hostile until read: libyaml's composer recurses in C and dies at about 50,000 levels, aliases expand without
bound once walked, tags construct objects, later duplicate keys silently win. All are refused, the first two before
anything is constructed.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from moe_kb.errors import YamlError
from moe_kb.lookalikes import HIDDEN, name_of

try:
    from yaml import CSafeLoader as _Parser
except ImportError:  # PyYAML built without libyaml: slower, same rules
    from yaml import SafeLoader as _Parser  # type: ignore[assignment]

MAX_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 40
#: Keys and values of a file; a record has hundreds, a long table thousands.
MAX_VALUES = 50_000

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
_BY_FIRST = {
    first: [(tag.rpartition(":")[2], pattern) for tag, pattern, firsts in IMPLICIT if first in firsts]
    for first in {first for _, _, firsts in IMPLICIT for first in firsts}
}


def read_text(path: Path, root: Path | None = None) -> str:
    """Read a file as UTF-8 text, refusing what cannot be a record.

    Args:
        path: The file.
        root: If given, the folder that the file must really lie in; a link that leads out of it is refused.

    Raises:
        YamlError: The file is missing, not a regular file, outside `root`, too large, or not UTF-8 text.
    """
    try:
        if root is not None and _leads_out(path, root):
            raise YamlError("file-outside", "the file is a link that leads out of the tree", "Copy it into the tree.")
        if not path.is_file():
            raise YamlError("file-kind", "not a regular file", "Records are regular .yaml files; remove it.")
        size = path.stat().st_size
        if size > MAX_BYTES:
            message = f"{size:,} bytes, more than the {MAX_BYTES:,} allowed"
            raise YamlError("file-size", message, "Split it into several records.")
        raw = path.read_bytes()
    except OSError as error:
        raise YamlError("file-read", f"cannot be read: {error.strerror}", "Check its permissions.") from None
    except RuntimeError:  # what Path.resolve raises for a link that leads to itself
        raise YamlError("file-read", "cannot be read: a link that leads to itself", "Remove it.") from None
    return decode(raw)


def _leads_out(path: Path, root: Path) -> bool:
    """Whether links lead from `path` out of `root`; resolving is slow, so only where a step under `root` is a link."""
    start, step = os.path.join(root, ""), os.fspath(path)
    if step.startswith(start) and ".." not in path.parts:
        while len(step) > len(start) and not os.path.islink(step):
            step = os.path.dirname(step)
        if len(step) < len(start):
            return False
    return not path.resolve().is_relative_to(root.resolve())


def decode(raw: bytes) -> str:
    """Decode UTF-8 and refuse characters that nobody sees; raises `YamlError`."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise YamlError("file-encoding", "not UTF-8 text", "Save the file as UTF-8.", line) from None
    found = HIDDEN.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise YamlError("file-characters", f"a character that nobody sees: {name_of(found[0])}", "Remove it.", line)
    return text


def parse(text: str) -> Any:
    """Parse one strict YAML document into dicts, lists and scalars.

    Raises:
        YamlError: Not well-formed; aliases, anchors, tags or several documents; nested deeper than 40 levels or of more
            than 50,000 values; duplicate or non-text keys.
    """
    if len(text) > MAX_BYTES:
        raise YamlError("file-size", f"more than {MAX_BYTES:,} characters", "Split it into several records.")
    try:
        return _Document(_Parser(text).get_event, escapes="\\" in text).read()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        message, fix = f"not well-formed YAML: {problem}", "Fix the indentation, quotes or brackets there."
        raise YamlError("yaml-syntax", message, fix, mark.line + 1 if mark else None) from None


class _Document:
    """Builds plain values straight from the parser's events.

    PyYAML's own way, by a tree of nodes, takes twice as long and lets alias bombs, tags and bottomless nesting through
    to its composer.
    """

    def __init__(self, next_event: Callable[[], Any], *, escapes: bool) -> None:
        self.next_event = next_event
        self.escapes = escapes
        """Whether the text has a backslash, so that a control character may be hidden in a scalar."""
        self.left = MAX_VALUES

    def read(self) -> Any:
        self.next_event()  # the start of the stream
        if type(self.next_event()) is yaml.StreamEndEvent:
            raise YamlError("yaml-empty", "the file is empty", "Write the record, or remove the file.")
        value = self.value(self.next_event(), 1)
        self.next_event()  # the end of the document
        event = self.next_event()
        if type(event) is not yaml.StreamEndEvent:
            raise YamlError("yaml-documents", "a second document", "One record, one file.", _line(event))
        return value

    def value(self, event: Any, depth: int) -> Any:
        """The value that starts with `event`, inside `depth - 1` collections."""
        kind = type(event)
        if kind is yaml.AliasEvent or event.anchor is not None or event.tag is not None:
            raise _fancy(event)
        self.left -= 1
        if self.left < 0:
            message = f"more than {MAX_VALUES:,} values"
            raise YamlError("yaml-values", message, "Split it into several records.", _line(event))
        if kind is yaml.ScalarEvent:
            return self.scalar(event)
        if depth > MAX_DEPTH:
            raise YamlError("yaml-depth", f"nested deeper than {MAX_DEPTH} levels", "Flatten it.", _line(event))
        return self.mapping(depth) if kind is yaml.MappingStartEvent else self.sequence(depth)

    def mapping(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while type(event := self.next_event()) is not yaml.MappingEndEvent:
            # A merge key needs an alias, which is refused; `<<` is then an ordinary, wrong key.
            key = self.value(event, depth + 1)
            if type(key) is not str:
                raise YamlError("yaml-key", f"the key {key!r} is not text", "Quote it.", _line(event))
            if key in found:
                message = f"the key {key!r} stands twice"
                raise YamlError("yaml-duplicate-key", message, "Keep one of the two.", _line(event))
            found[key] = self.value(self.next_event(), depth + 1)
        return found

    def sequence(self, depth: int) -> list[Any]:
        found = []
        while type(event := self.next_event()) is not yaml.SequenceEndEvent:
            found.append(self.value(event, depth + 1))
        return found

    def scalar(self, event: Any) -> Any:
        text = event.value
        if self.escapes and (hidden := HIDDEN.search(text) or re.search("\r", text)):
            message = f"a character that nobody sees, written as an escape: {name_of(hidden[0])}"
            raise YamlError("file-characters", message, "Remove it.", _line(event))
        if event.implicit[0]:  # neither quoted nor a block
            for meaning, pattern in _BY_FIRST.get(text[:1], ()):
                if pattern.match(text):
                    return _typed(meaning, text, event)
        return text


def _typed(meaning: str, text: str, event: Any) -> bool | int | float | None:
    if meaning == "bool":
        return text == "true"
    if meaning == "null":
        return None
    if meaning == "int":
        if len(text) > 40:
            raise YamlError("yaml-number", "a number of more than 40 digits", "Quote it if it is text.", _line(event))
        return int(text)
    number = float(text)
    if not math.isfinite(number):
        raise YamlError("yaml-number", "a number too large to hold", "Quote it if it is text.", _line(event))
    return number


def _line(event: Any) -> int:
    line: int = event.start_mark.line
    return line + 1


def _fancy(event: Any) -> YamlError:
    what = "an alias or anchor" if isinstance(event, yaml.AliasEvent) or event.anchor is not None else "a tag"
    message = f"{what} (&, * or ! at the start of a value)"
    return YamlError("yaml-plain", message, "Write the value out, or quote it.", _line(event))


def line_finder(text: str) -> Callable[[tuple[str | int, ...]], int | None]:
    """Gives the line (1-based) of the value at a path, or of its nearest existing ancestor; costs a second parse."""
    try:
        top: Any = yaml.compose(text, Loader=_Parser)
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
