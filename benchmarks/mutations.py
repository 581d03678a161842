"""Small changes of a program's behaviour: which statements there are, what can be changed in one, and finding it again.

A statement is the text that `ast.unparse` prints, so it is the same after lines were broken anew or a file was moved.
"""

from __future__ import annotations

import ast
import copy
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Pow: ast.Mult,
}  # fmt: skip
OPPOSITE = {"min": "max", "amin": "amax", "argmin": "argmax", "minimum": "maximum", "floor": "ceil", "any": "all"}
OPPOSITE |= {new: old for old, new in OPPOSITE.items()}
#: Attributes of a statement that hold other statements, or types.
NOT_IN_HEADER = ("body", "orelse", "finalbody", "handlers", "annotation")


@dataclass(frozen=True)
class Statement:
    """A statement of a function, without the statements inside it.

    Attributes:
        inside: qualified name of the function.
        above: the three statements above it in the file.
        text: the statement.
    """

    path: Path
    node: ast.stmt
    inside: str
    above: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Mutant:
    """One change of one statement; `stem` names the file, or since a move the folder, that it stands in."""

    area: str
    kind: str
    stem: str
    inside: str
    above: list[str] = field(hash=False)
    before: str
    after: str


def text_of(node: ast.stmt) -> str:
    """A statement as Python prints it; of a compound one what stands before its body."""
    if not hasattr(node, "body"):
        return ast.unparse(node)
    bare: Any = copy.copy(node)
    bare.body = [ast.Pass()]
    for name in {"orelse", "finalbody", "handlers"} & set(node._fields):
        setattr(bare, name, [])
    return ast.unparse(bare).removesuffix("\n    pass")


def statements(path: Path) -> list[Statement]:
    """Statements inside a file's functions; not docstrings, errors raised, assertions, nor what `__repr__` does."""
    found: list[Statement] = []

    def visit(node: ast.AST, names: tuple[str, ...], in_function: bool) -> None:
        for child in ast.iter_child_nodes(node):
            match child:
                case ast.FunctionDef(name="__repr__" | "__str__") | ast.Raise() | ast.Assert():
                    continue
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                    visit(child, (*names, name), isinstance(child, ast.FunctionDef))
                case ast.excepthandler() | ast.match_case() | ast.Match() | ast.Try():
                    visit(child, names, in_function)
                case ast.stmt():
                    if in_function and not (isinstance(child, ast.Expr) and _is_text(child.value)):
                        above = tuple(statement.text for statement in found[-3:])
                        found.append(Statement(path, child, ".".join(names), above, text_of(child)))
                    visit(child, names, in_function)

    visit(ast.parse(path.read_text(encoding="utf-8")), (), False)
    return found


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.AST, str, object]]:
    """Kind of change, node, attribute of the node, and the attribute's new value."""
    match node:
        case ast.JoinedStr() | ast.Call(func=ast.Name(id="print")):
            return  # messages
        case ast.Compare(ops=[op, *more]) if type(op) in SWAPPED:
            yield "comparison", node, "ops", [SWAPPED[type(op)](), *more]
        case ast.BoolOp(op=op):
            yield "and/or", node, "op", SWAPPED[type(op)]()
        case ast.BinOp(left=left, op=op, right=right) if type(op) in SWAPPED:
            if not (_is_text(left) or _is_text(right)):
                yield "arithmetic", node, "op", SWAPPED[type(op)]()
        case ast.AugAssign(op=op, value=value) if type(op) in SWAPPED and not _is_text(value):
            yield "arithmetic", node, "op", SWAPPED[type(op)]()
        case ast.Constant(value=bool(flag)):
            yield "flag", node, "value", not flag
        case ast.Constant(value=int(number) | float(number)):
            yield "off by one", node, "value", number + 1
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "not", node, "operand", ast.UnaryOp(ast.Not(), operand)
        case ast.If(test=test) | ast.IfExp(test=test) if not isinstance(test, ast.UnaryOp):
            yield "condition negated", node, "test", ast.UnaryOp(ast.Not(), test)
        case ast.comprehension(ifs=[test, *more]):
            yield "condition negated", node, "ifs", [ast.UnaryOp(ast.Not(), test), *more]
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield "nothing returned", node, "value", ast.Constant(None)
        case ast.Call(func=ast.Name(id=name) as function) if name in OPPOSITE:
            yield "opposite", function, "id", OPPOSITE[name]
        case ast.Call(func=ast.Attribute(attr=name) as function) if name in OPPOSITE:
            yield "opposite", function, "attr", OPPOSITE[name]
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg and not _is_text(keyword.value):
                yield "keyword dropped", node, "keywords", [other for other in node.keywords if other is not keyword]
    for name, child in ast.iter_fields(node):
        for part in child if isinstance(child, list) else [child]:
            if name not in NOT_IN_HEADER and isinstance(part, ast.AST):
                yield from _changes(part)


def changed(statement: Statement) -> Iterator[tuple[str, str]]:
    """Each change of a statement: its kind, and the statement's text afterwards."""
    for kind, node, name, value in list(_changes(statement.node)):
        old = getattr(node, name)
        setattr(node, name, value)
        after = text_of(statement.node)
        setattr(node, name, old)
        if after != statement.text:
            yield kind, after


def index(folder: Path) -> dict[str, list[Statement]]:
    """All statements under a folder by their text."""
    found: defaultdict[str, list[Statement]] = defaultdict(list)
    for path in sorted(folder.rglob("*.py")):
        for statement in statements(path):
            found[statement.text].append(statement)
    return dict(found)


def find(mutant: Mutant, everywhere: dict[str, list[Statement]]) -> Statement | None:
    """The one statement that a mutant changes: the same text, and more of its surroundings than any other."""

    def likeness(statement: Statement) -> int:
        names = (statement.path.stem, statement.path.parent.name)
        same_above = sum(text in statement.above for text in mutant.above)
        return (statement.inside == mutant.inside) + (mutant.stem in names) + same_above

    ranked = sorted(everywhere.get(mutant.before, []), key=likeness, reverse=True)
    if not ranked or likeness(ranked[0]) < 2 or (len(ranked) > 1 and likeness(ranked[0]) == likeness(ranked[1])):
        return None
    return ranked[0] if mutant.after in {after for _, after in changed(ranked[0])} else None


def source_with(mutant: Mutant, statement: Statement) -> str:
    """Source of the statement's file with the mutant in its place.

    Raises:
        ValueError: if the source does not say the mutant afterwards.
    """
    node = statement.node
    lines = statement.path.read_bytes().splitlines(keepends=True)
    head, last, end = lines[node.lineno - 1][: node.col_offset], node.end_lineno or 0, node.end_col_offset or 0
    if hasattr(node, "body"):  # the header ends at the first colon after its last expression
        last, end = max(_ends(node))
        while b":" not in lines[last - 1][end:]:
            last, end = last + 1, 0
        end = lines[last - 1].index(b":", end) + 1
    keyword = b"el" if lines[node.lineno - 1].startswith(b"elif", node.col_offset) else b""
    changed_line = head + keyword + mutant.after.encode() + lines[last - 1][end:]
    source = b"".join([*lines[: node.lineno - 1], changed_line, *lines[last:]]).decode()
    if mutant.after not in {text_of(other) for other in ast.walk(ast.parse(source)) if isinstance(other, ast.stmt)}:
        raise ValueError(f"{statement.path}:{node.lineno}: the source does not say {mutant.after!r} after the change")
    return source


def _ends(node: ast.AST) -> Iterator[tuple[int, int]]:
    """Line and column at which each expression of a statement's header ends."""
    for name, child in ast.iter_fields(node):
        for part in child if isinstance(child, list) else [child]:
            if name not in NOT_IN_HEADER and isinstance(part, ast.AST):
                if isinstance(part, ast.expr):
                    yield part.end_lineno or 0, part.end_col_offset or 0
                yield from _ends(part)
