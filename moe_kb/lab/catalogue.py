"""The implementations at hand: entries found through the entry-point group, each checked before use.

A package whose entry point fails, or whose entry breaks the contract, costs only itself: it is left out and
reported as a finding, and the rest of the catalogue works.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from pydantic import BaseModel

from moe_kb.paths import GROUP

from .errors import Finding, UnknownImplementationError
from .protocol import Entry, details

KEY = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,78}[a-z0-9])?")
MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)

_TEXTS = ("name", "summary", "verified_against", "page")
_LISTS = ("designs", "papers", "tasks", "deviations")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every usable entry, sorted by key, and a finding for everything that was left out."""

    entries: tuple[Entry, ...]
    problems: tuple[Finding, ...]

    def current_key(self, key: str) -> str:
        """Return the key that is used today for this key; the key itself where the catalogue has none."""
        try:
            return self.entry(key).key
        except UnknownImplementationError:
            return key

    def entry(self, key: str) -> Entry:
        """Return the entry with this key, or with this earlier key.

        Raises:
            UnknownImplementationError: the catalogue has none.
        """
        for entry in self.entries:
            if entry.key == key:
                return entry
        for entry in self.entries:
            if key in details(entry).aliases:
                return entry
        known = ", ".join(entry.key for entry in self.entries) or "none: no package provides one"
        raise UnknownImplementationError(
            "catalogue", f"there is no implementation {key[:80]!r}", f"Choose one of: {known}"
        )


def installed_catalogue() -> Catalogue:
    """Collect the entries of every installed package; the first entry point by name wins a key."""
    found = sorted(set(entry_points(group=GROUP)), key=lambda point: (point.name, point.value))
    problems: list[Finding] = []
    offers = [(f"entry point {point.name}", entry) for point in found for entry in _load(point, problems)]
    return _assemble(offers, problems)


def catalogue_of(entries: Iterable[Entry]) -> Catalogue:
    """Make a catalogue of entries at hand, with the same checks."""
    return _assemble([("entries", entry) for entry in entries], [])


def _load(point: EntryPoint, problems: list[Finding]) -> Iterator[object]:
    """Yield what one entry point provides. Its code is not ours: whatever it raises becomes a finding."""
    place = f"entry point {point.name} = {point.value}"
    try:
        offered = tuple(point.load()())
    except (Exception, SystemExit) as error:
        problems.append(
            Finding(
                "error",
                place,
                "entry-point-fails",
                f"it cannot be loaded ({type(error).__name__}: {str(error)[:300]})",
                "Repair or uninstall the package that registers it",
            )
        )
        return
    yield from offered


def _assemble(offers: Sequence[tuple[str, object]], problems: list[Finding]) -> Catalogue:
    chosen: dict[str, Entry] = {}
    origin: dict[str, str] = {}
    for place, offer in offers:
        broken = _broken_promises(offer)
        if broken or not isinstance(offer, Entry):
            key = _key_of(offer)
            problems.append(
                Finding(
                    "error",
                    f"{place}, entry {key}",
                    "contract",
                    "; ".join(broken),
                    "See moe_kb.lab.protocol.Entry for what an entry must have",
                )
            )
        elif offer.key in chosen:
            problems.append(
                Finding(
                    "warning",
                    f"{place}, entry {offer.key}",
                    "duplicate-key",
                    f"the key is already provided by {origin[offer.key]}, which is used",
                    "Give one of the two another key",
                )
            )
        else:
            chosen[offer.key] = offer
            origin[offer.key] = place
    return Catalogue(tuple(chosen[key] for key in sorted(chosen)), tuple(problems))


def _key_of(offer: object) -> str:
    """What an entry calls itself, for a message about it; its code may raise whatever it likes."""
    try:
        return str(getattr(offer, "key", "without a key"))[:80]
    except (Exception, SystemExit):
        return "whose key cannot be read"


def _broken_promises(offer: object) -> list[str]:
    """List where an offered object departs from `Entry`; a raising property counts as a departure."""
    try:
        return list(_departures(offer))
    except (Exception, SystemExit) as error:
        return [f"reading it raises {type(error).__name__}: {str(error)[:300]}"]


def _departures(offer: object) -> Iterator[str]:
    def value(name: str) -> object:
        return getattr(offer, name, None)

    def matches(pattern: re.Pattern[str], name: str) -> bool:
        text = value(name)
        return isinstance(text, str) and pattern.fullmatch(text) is not None

    if not matches(KEY, "key"):
        yield "`key` must be lower-case letters, digits, '-', '_' and '.', at most 80"
    if not matches(MODULE, "module"):
        yield "`module` must be a dotted module name"
    for name in _TEXTS:
        if not isinstance(value(name), str):
            yield f"`{name}` must be text"
    for name in _LISTS:
        items = value(name)
        if not isinstance(items, tuple | list) or not all(isinstance(item, str) for item in items):
            yield f"`{name}` must be a tuple of texts"
    if value("status") not in ("complete", "partial"):
        yield "`status` must be 'complete' or 'partial'"
    config_class = value("config_class")
    if not (isinstance(config_class, type) and issubclass(config_class, BaseModel)):
        yield "`config_class` must be a pydantic model class"
    if not callable(value("estimate")):
        yield "`estimate` must be a method"
