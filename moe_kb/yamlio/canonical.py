"""The canonical form: fields in the order of the schema, defaults left out, short leaves on one line.

A record has exactly one canonical text, so a diff shows what changed and nothing else.
"""

from __future__ import annotations

from typing import Any

import yaml
from pydantic import BaseModel

from moe_kb.yamlio.reader import IMPLICIT

try:
    from yaml import CSafeDumper as _BaseDumper
except ImportError:
    from yaml import SafeDumper as _BaseDumper  # type: ignore[assignment]

WIDTH = 110
_FLOW_LIMIT = 96


class _Dumper(_BaseDumper):
    """Block style, except that a mapping or list of scalars that fits a line stands on one."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


for _tag, _pattern, _first in IMPLICIT:
    # PyYAML quotes what YAML 1.1 would misread; our reader also takes 1e5 and -.5 for numbers.
    _Dumper.add_implicit_resolver(_tag, _pattern, _first)


def _fits(values: list[Any]) -> bool:
    total = 0
    for value in values:
        if isinstance(value, (dict, list)) or (isinstance(value, str) and "\n" in value):
            return False
        total += len(str(value)) + 4
    return total <= _FLOW_LIMIT


def _represent_dict(dumper: Any, data: dict[str, Any]) -> Any:
    flow = _fits([*data.keys(), *data.values()])
    return dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=flow)


def _represent_list(dumper: Any, data: list[Any]) -> Any:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=_fits(data))


_Dumper.add_representer(dict, _represent_dict)
_Dumper.add_representer(list, _represent_list)


class _Block(dict[str, Any]):
    """A mapping that is always written in block style."""


def _represent_block(dumper: Any, data: _Block) -> Any:
    return dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=False)


_Dumper.add_representer(_Block, _represent_block)


def dump(data: Any) -> str:
    """Dump plain data in the project's YAML style (no model, no reordering); the top level is always in block style."""
    top = _Block(data) if isinstance(data, dict) else data
    return str(yaml.dump(top, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH))


def canonical_text(record: BaseModel) -> str:
    """The canonical YAML of a record: schema order, unset and default fields left out."""
    data = record.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    order = getattr(type(record), "field_order", None)
    if order is not None:
        data = {name: data[name] for name in order() if name in data}
    return dump(data)


def without_comments(text: str) -> str:
    """`text` without its whole-line comments (lines of a block scalar that start with # are kept)."""
    if "#" not in text:
        return text
    scalar_lines = _scalar_lines(text)
    return "".join(
        line
        for number, line in enumerate(text.splitlines(keepends=True))
        if number in scalar_lines or not line.lstrip().startswith("#")
    )


def with_comments(canonical: str, original: str) -> str:
    """Put the whole-line comments of `original` into `canonical`, each above the value it stood above.

    A comment belongs to the next value in the file; where that value has moved, the comment moves along. Comments at
    the end stay at the end.
    """
    if "#" not in original:
        return canonical
    scalar_lines = _scalar_lines(original)
    starts = _first_path_by_line(original)
    pending: list[str] = []
    attached: dict[tuple[str | int, ...], list[str]] = {}
    for number, line in enumerate(original.splitlines()):
        if number not in scalar_lines and line.lstrip().startswith("#"):
            pending.append(line.lstrip())
        elif pending and number in starts:
            attached.setdefault(starts[number], []).extend(pending)
            pending = []
    if not attached and not pending:
        return canonical
    line_by_path = {path: line for line, path in sorted(_first_path_by_line(canonical).items(), reverse=True)}
    above: dict[int, list[str]] = {}
    for path, comments in attached.items():
        while path and path not in line_by_path:  # a value that now stands inside a flow line, or was a default
            path = path[:-1]
        above.setdefault(line_by_path.get(path, 0), []).extend(comments)
    out: list[str] = []
    for number, line in enumerate(canonical.splitlines()):
        indent = line[: len(line) - len(line.lstrip())]
        out.extend(indent + comment for comment in above.get(number, []))
        out.append(line)
    return "\n".join([*out, *pending]) + "\n"


def trailing_comment_line(text: str) -> int | None:
    """Line (1-based) of the first comment that shares its line with a value; `format` could not keep it."""
    if "#" not in text:
        return None
    lines = text.splitlines()
    ends: dict[int, int] = {}
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        line, column = token.end_mark.line, token.end_mark.column
        ends[line] = max(ends.get(line, 0), column)
        if isinstance(token, yaml.ScalarToken) and token.style in ("|", ">"):
            # The token ends with the text below; its own line may say nothing after the indicator but a comment.
            start = token.start_mark
            ends[start.line] = start.column + len(lines[start.line][start.column :].partition("#")[0])
    scalar_lines = _scalar_lines(text)
    for number, line_text in enumerate(lines):
        rest = line_text[ends.get(number, 0) :].strip()
        if number not in scalar_lines and ends.get(number, 0) and rest.startswith("#"):
            return number + 1
    return None


def _scalar_lines(text: str) -> set[int]:
    """Lines inside multi-line scalars, where # is text."""
    inside: set[int] = set()
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.ScalarEvent):
            start: Any = event.start_mark
            end: Any = event.end_mark
            inside.update(range(start.line + 1, end.line + (end.column != 0)))
    return inside


def _first_path_by_line(text: str) -> dict[int, tuple[str | int, ...]]:
    """For each line (0-based) the path of the first value that starts on it."""
    paths: dict[int, tuple[str | int, ...]] = {}

    def walk(node: Any, path: tuple[str | int, ...]) -> None:
        if isinstance(node, yaml.MappingNode):
            for key_node, value_node in node.value:
                child = (*path, key_node.value)
                paths.setdefault(key_node.start_mark.line, child)
                walk(value_node, child)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                paths.setdefault(item.start_mark.line, (*path, index))
                walk(item, (*path, index))

    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if node is not None:
        walk(node, ())
    return paths
