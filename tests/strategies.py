"""Hypothesis strategies: plain data, and valid records of every type, made from the record types themselves."""

import types
import typing
from typing import Any

from annotated_types import Ge, Le, MinLen
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, StringConstraints, ValidationError

from moe_kb.lookalikes import HIDDEN

#: Everything a file may hold: nothing that nobody sees.
CHARACTERS = st.one_of(
    st.sampled_from("ab1 .:#-[]{}'\"\\,&*!|>%@`~?=\t é—µ≤а\u00a0"),
    st.characters(blacklist_categories=("Cs", "Cc")).filter(lambda character: not HIDDEN.match(character)),
)
TEXT = st.text(CHARACTERS, max_size=30)
#: Strings that some version of YAML takes for something else.
_TRAPS = """1e5 1.5e5 -.5 +.5 .5 12e4567 0x1F 0o17 017 1_000 yes no on off Yes True TRUE true null Null ~ 2401.06060
2024-06-01 1:30 << = .inf .nan -0 +1 1. - -- --- ... ? : # %a @b 'c "d [e {f &g *h !i |j >k 12:34:56 1,000 NaN"""
TRAPS = st.sampled_from(_TRAPS.split())
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.text(CHARACTERS | st.just("\n"), max_size=60)
    | TRAPS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT | TRAPS, inner, max_size=4),
    max_leaves=12,
)

_LINE = st.one_of(TRAPS, TEXT.filter(lambda text: bool(text.strip())))


def records(kind: type[BaseModel]) -> st.SearchStrategy[Any]:
    """Valid instances of a record type."""

    def validated(data: dict[str, Any]) -> BaseModel | None:
        try:
            return kind.model_validate(data)
        except ValidationError:  # a rule between fields, such as unique labels
            return None

    return _data(kind, 0).map(validated).filter(lambda record: record is not None)


def _data(kind: type[BaseModel], depth: int) -> st.SearchStrategy[dict[str, Any]]:
    needed, wanted = {}, {}
    for name, field in kind.model_fields.items():
        strategy = st.deferred(lambda field=field: _value(field.annotation, field.metadata, depth + 1))
        if field.is_required():
            needed[name] = strategy
        elif depth < 5:
            wanted[name] = strategy
    return st.fixed_dictionaries(needed, optional=wanted).map(
        lambda data: {name: value for name, value in data.items() if value is not None}
    )


def _value(annotation: Any, metadata: list[Any], depth: int) -> st.SearchStrategy[Any]:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _value(arguments[0], [*arguments[1:], *metadata], depth)
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin in (typing.Union, types.UnionType):
        members = [a for a in arguments if a is not type(None)]
        if depth > 5 and type(None) in arguments:
            return st.none()
        return st.one_of([_value(member, metadata, depth) for member in members])
    if origin is list:
        least = max((m.min_length for m in metadata if isinstance(m, MinLen)), default=0)
        return st.lists(_value(arguments[0], [], depth), min_size=least, max_size=least if depth > 5 else least + 2)
    if origin is dict:
        return st.dictionaries(_value(arguments[0], [], depth), _value(arguments[1], [], depth), max_size=2)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _data(annotation, depth)
    return _scalar(annotation, metadata)


def _scalar(annotation: Any, metadata: list[Any]) -> st.SearchStrategy[Any]:
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        low = next((m.ge for m in metadata if isinstance(m, Ge)), -(10**12))
        high = next((m.le for m in metadata if isinstance(m, Le)), 10**12)
        return st.integers(typing.cast(int, low), typing.cast(int, high)).map(lambda n: n % 50 + 1 if low == 1 else n)
    if annotation is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    assert annotation is str, annotation
    checks = {m.func.__name__ for m in metadata if isinstance(m, AfterValidator)}
    if "_is_url" in checks:
        return st.from_regex(r"https?://[a-z]{1,9}\.org/[a-zA-Z0-9%#?&=:{}~_-]{0,20}", fullmatch=True)
    if "_is_date" in checks:
        return st.sampled_from(["2021", "2021-03", "2021-Q4", "2021-03-04", "2021/2022-05"])
    patterns = [m.pattern for m in metadata if isinstance(m, StringConstraints) and m.pattern]
    patterns += [m.pattern for m in metadata if not isinstance(m, StringConstraints) and getattr(m, "pattern", None)]
    if not patterns or patterns == [r"^[^\r\n]*\S[^\r\n]*$"]:
        return _LINE
    if "/[a-z0-9]" in patterns[0]:  # generated from its own pattern, a node's name takes a hundred times as long
        taxonomy = r"[a-z]{1,4}:" if ")*:[" in patterns[0] else ""
        return st.from_regex(taxonomy + r"[a-z0-9]{1,4}(/[a-z][a-z0-9]){0,2}", fullmatch=True)
    printable = st.characters(min_codepoint=32, max_codepoint=126)
    return st.from_regex(patterns[0], fullmatch=True, alphabet=printable).filter(lambda text: len(text) <= 80)
