"""The expressions of the family tables: a small, total part of Python over the fields of a config.

Names, numbers, strings, lists, arithmetic, comparisons, `and`, `or`, `not`, `a if b else c`, subscripts, and the
functions of `FUNCTIONS`. Nothing can be called, reached or changed besides.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from reprlib import Repr
from typing import Any

MAX_SHOWN, MAX_NAMED, MAX_MESSAGE = 60, 24, 100  # of a value, characters; names in a row; characters of Python's words


class EvaluationError(Exception):
    """A value does not fit the expression; the message says which."""


_REPR = Repr()
_REPR.maxlevel, _REPR.maxstring, _REPR.maxlong = 2, MAX_SHOWN, MAX_SHOWN


def shown(value: Any) -> str:
    """The value as Python writes it, cut where it is long; no more of it is written out than that."""
    text = _REPR.repr(value)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "..."


def _gated(name: Any) -> str:
    known = {"silu": "swiglu", "swish": "swiglu", "gelu": "geglu", "gelu_new": "geglu", "gelu_pytorch_tanh": "geglu"}
    known |= {"gelu_fast": "geglu", "relu": "reglu", "quick_gelu": "geglu", "swiglu": "swiglu"}
    return _looked_up(known, name)


def _plain(name: Any) -> str:
    known = {"silu": "silu", "swish": "silu", "gelu": "gelu", "gelu_new": "gelu", "gelu_pytorch_tanh": "gelu"}
    known |= {"gelu_fast": "gelu", "relu": "relu", "relu2": "relu2", "quick_gelu": "gelu"}
    return _looked_up(known, name)


def _looked_up(known: dict[str, str], name: Any) -> str:
    if not isinstance(name, str) or name not in known:
        raise EvaluationError(f"no activation is known by the name {shown(name)}")
    return known[name]


def _in_a_row(names: Iterable[str]) -> str:
    return ", ".join(islice(names, MAX_NAMED))


def _ceil_div(a: int, b: int) -> int:
    return -(-a // b)


def _one_of(value: Any, known: list[Any]) -> Any:
    if value not in known:
        raise EvaluationError(f"{shown(value)} is none of {_in_a_row(map(shown, known))}")
    return value


def _numbers(value: Any) -> list[int]:
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list) or not all(
        type(item) is int or (isinstance(item, str) and item.strip().isdecimal()) for item in items
    ):
        raise EvaluationError(f"{shown(value)} is no list of whole numbers")
    return [int(item) for item in items]


def _only(fields: Any, known: list[str]) -> dict[str, Any]:
    if not isinstance(fields, dict):
        raise EvaluationError(f"{shown(fields)} is not an object of fields")
    if others := sorted(set(fields) - set(known)):
        told = _in_a_row(name[:MAX_SHOWN] for name in others)
        raise EvaluationError(f"{told} is not understood; here only {', '.join(known)} can stand")
    return fields


def _of_layer(by_layer: Any, layer: int) -> Any:
    """What an object whose keys are numbers of layers holds for one; transformers writes them with zeros in front."""
    if not isinstance(by_layer, dict) or len(by_layer) > MAX_NAMED_LAYERS:
        raise EvaluationError(f"fields of single layers are an object of at most {MAX_NAMED_LAYERS:,} layers")
    numbers = [int(key) for key in by_layer]
    if len(set(numbers)) < len(numbers):
        raise EvaluationError("a layer is named twice")
    return by_layer[list(by_layer)[numbers.index(layer)]] if layer in numbers else {}


def _prime_rows(base: int, heads: int, tables: int, multiple: int) -> int:
    """Rows of `tables` embeddings of hashed n-grams, each of `heads` parts; a part has a prime number of rows, the
    next one from `base` up that no part before has, and a table is padded to a multiple (Qwen4-Exp's code)."""
    if not (1 <= base <= MAX_PRIME and 0 <= heads * tables <= MAX_PRIMES and multiple >= 1):
        raise EvaluationError(f"{heads} x {tables} primes from {base} up are not what a model has")
    rows, candidate = 0, base - 1
    for _ in range(tables):
        table = 0
        for _ in range(heads):
            candidate += 1
            while not _is_prime(candidate):
                candidate += 1
            table += candidate
        rows += _ceil_div(table, multiple) * multiple
    return rows


def _is_prime(n: int) -> bool:
    """Miller and Rabin's test. The first number that it mistakes with these bases is 3,215,031,751 (OEIS A014233)."""
    bases = (2, 3, 5, 7)
    if n < 11 or any(n % base == 0 for base in bases):
        return n in bases
    twos = ((n - 1) & (1 - n)).bit_length() - 1
    exponents = [(n - 1) >> power for power in range(1, twos + 1)]
    return all(
        pow(base, exponents[-1], n) == 1 or any(pow(base, exponent, n) == n - 1 for exponent in exponents)
        for base in bases
    )


MAX_PRIME, MAX_PRIMES, MAX_NAMED_LAYERS = 10**9, 1000, 1000  # bounds of the time that a hostile file can take

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "len": len,
    "min": min,
    "max": max,
    "int": int,
    "str": str,
    "list": lambda value: value if isinstance(value, list) else [value],
    "is_list": lambda value: isinstance(value, list),
    "ceil_div": _ceil_div,
    "isqrt": math.isqrt,
    "distinct": lambda values: len(set(values)),
    "one_of": _one_of,
    "of_layer": _of_layer,
    "only": _only,
    "numbers": _numbers,
    "joined": lambda *parts: "".join(map(str, parts)),
    "prime_rows": _prime_rows,
    "gated": _gated,
    "plain": _plain,
}
"""`gated` and `plain` turn the name of an activation function into that of a feed-forward with and without gate;
`one_of(value, known)` and `only(fields, known)` are their first argument, and refuse what is not known; `numbers`
reads a list of whole numbers, also where it is written as text; `joined` is the text of its arguments in a row."""


def _of_numbers(apply: Callable[[Any, Any], Any], kinds: tuple[type, ...] = (int, float)) -> Callable[[Any, Any], Any]:
    """`apply` for numbers alone: Python would also repeat text, format it, and count true as one."""

    def applied(a: Any, b: Any) -> Any:
        for value in (a, b):
            if isinstance(value, bool) or not isinstance(value, kinds):
                raise EvaluationError(f"{shown(value)} is not a {'whole ' if float not in kinds else ''}number")
        return apply(a, b)

    return applied


def _of_whole(apply: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """`apply` for whole numbers: layers and widths are counted, so 1.5 is a slip."""
    return _of_numbers(apply, (int,))


_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: _of_numbers(operator.add),
    ast.Sub: _of_numbers(operator.sub),
    ast.Mult: _of_numbers(operator.mul),
    ast.FloorDiv: _of_whole(operator.floordiv),
    ast.Mod: _of_whole(operator.mod),
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: _of_numbers(operator.lt),
    ast.LtE: _of_numbers(operator.le),
    ast.Gt: _of_numbers(operator.gt),
    ast.GtE: _of_numbers(operator.ge),
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}


class Expression:
    """A parsed expression.

    Raises:
        ValueError: for what is not of the language.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
        except SyntaxError as error:
            raise ValueError(f"{text!r} is not an expression: {error.msg}") from None
        self.names = frozenset(_names(self._tree))

    def value(self, look_up: Callable[[str], Any]) -> Any:
        """What it is worth where names mean what `look_up` says.

        Raises:
            EvaluationError: where values do not fit.
        """
        try:
            return _value(self._tree, look_up)
        except (EvaluationError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            why = str(error) if isinstance(error, EvaluationError) else str(error)[:MAX_MESSAGE]
            raise EvaluationError(f"`{self.text}` cannot be computed: {why}") from None


def _names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name):
            yield name
        case ast.Attribute(value=ast.Name(id=outer), attr=inner):
            yield f"{outer}.{inner}"
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            if name not in FUNCTIONS:
                raise ValueError(f"{name} is not a function of the family tables; known: {', '.join(FUNCTIONS)}")
            for argument in arguments:
                yield from _names(argument)
        case ast.Constant(value=bool() | int() | float() | str() | None):
            pass
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            yield from _names(left)
            yield from _names(right)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield from _names(operand)
        case ast.BoolOp(values=values) | ast.List(elts=values):
            for value in values:
                yield from _names(value)
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _COMPARE for op in ops):
            for part in (left, *others):
                yield from _names(part)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            for part in (test, body, orelse):
                yield from _names(part)
        case ast.Subscript(value=value, slice=index) if not isinstance(index, ast.Slice):
            yield from _names(value)
            yield from _names(index)
        case ast.Subscript(value=value, slice=ast.Slice(lower=lower, upper=upper, step=None)):
            for bound in (value, lower, upper):
                if bound is not None:
                    yield from _names(bound)
        case _:
            raise ValueError(f"{ast.unparse(node)!r} is not part of the language of the family tables")


def _value(node: ast.expr, look_up: Callable[[str], Any]) -> Any:
    match node:
        case ast.Name(id=name):
            return look_up(name)
        case ast.Attribute(value=ast.Name(id=outer), attr=inner):
            return look_up(f"{outer}.{inner}")
        case ast.Constant(value=value):
            return value
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return FUNCTIONS[name](*(_value(argument, look_up) for argument in arguments))
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_value(left, look_up), _value(right, look_up))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _value(operand, look_up)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, look_up)
        case ast.BoolOp(op=op, values=values):
            stop, result = isinstance(op, ast.Or), None
            for value in values:
                result = _value(value, look_up)
                if bool(result) is stop:
                    break
            return result
        case ast.List(elts=elements):
            return [_value(element, look_up) for element in elements]
        case ast.Compare(left=left, ops=ops, comparators=others):
            a = _value(left, look_up)
            for comparison, other in zip(ops, others, strict=True):
                b = _value(other, look_up)
                if not _COMPARE[type(comparison)](a, b):
                    return False
                a = b
            return True
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _value(body if _value(test, look_up) else orelse, look_up)
        case ast.Subscript(value=value, slice=ast.Slice(lower=lower, upper=upper)):
            low, high = (None if bound is None else _value(bound, look_up) for bound in (lower, upper))
            return _value(value, look_up)[low:high]
        case ast.Subscript(value=value, slice=index):
            return _value(value, look_up)[_value(index, look_up)]
    raise AssertionError(ast.dump(node))  # _names has refused everything else
