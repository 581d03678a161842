"""Errors a person may see: each names the place, the rule that was broken and the fix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import TypeVar

T = TypeVar("T")


class MoeKbError(Exception):
    """Base of every error that moe-kb raises on purpose."""


class YamlError(MoeKbError):
    """A file that is not the strict YAML this project reads.

    Attributes: `rule` (id of the broken rule), `message`, `fix`, `line` (1-based, or None).
    """

    def __init__(self, rule: str, message: str, fix: str, line: int | None = None) -> None:
        self.rule, self.message, self.fix, self.line = rule, message, fix, line
        place = f"line {line}: " if line else ""
        super().__init__(f"{place}{message} [{rule}]. {fix}")


class UnclearNameError(MoeKbError):
    """A name that leads to no one thing.

    Attributes:
        close: full names of records (`paper:gshard`) or nodes (`node:survey-a:algorithm`) that may have been meant.
        asked: the name as it was given, where it is one of a record or node; empty otherwise.
    """

    def __init__(self, message: str, close: Sequence[str] = (), *, asked: str = "") -> None:
        super().__init__(message)
        self.close, self.asked = tuple(close), asked


class NotFoundError(UnclearNameError):
    """A record, node or claim that does not exist; the message lists close names."""


class AmbiguousKeyError(UnclearNameError):
    """A bare key that several kinds share; the message lists the full names."""


class DatabaseError(MoeKbError):
    """A database that is missing, corrupted or of another schema version."""


class QueryError(MoeKbError):
    """A query that the guarded console refuses or that fails."""


class BusyError(QueryError):
    """As many queries run as may at once; the same query asked later may be answered."""


class CheckFailedError(MoeKbError):
    """A tree with findings cannot be built; `moe-kb check` lists them."""


#: Longer names are no slip of a known one, and comparing them takes long.
_LONGEST = 200


def close_names(name: str, options: Iterable[str], at_most: int = 3, alike: float = 0.6) -> list[str]:
    """Those of the options that a person who wrote `name` may have meant, the likeliest first.

    Args:
        name: What was written.
        options: The names that there are.
        at_most: How many.
        alike: How alike they have to be, 1 being equal (difflib's ratio).
    """
    by_folded = {option.casefold(): option for option in options} if len(name) <= _LONGEST else {}
    return [by_folded[folded] for folded in get_close_matches(name.casefold(), by_folded, n=at_most, cutoff=alike)]


def did_you_mean(close: Sequence[str]) -> str:
    """A hint at close names; empty where there are none.

    >>> did_you_mean(close_names("yaer", ["key", "year"])), did_you_mean([])
    ('Did you mean: year?', '')
    """
    return f"Did you mean: {', '.join(close)}?" if close else ""


def look_up(options: Mapping[str, T], name: str, what: str) -> T:
    """An option by its name.

    Raises:
        NotFoundError: There is none of this name; the message lists those there are.
    """
    if name in options:
        return options[name]
    raise NotFoundError(f"unknown {what} {name!r}. Known: {', '.join(options) or 'none'}.", close_names(name, options))
