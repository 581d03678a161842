"""A Hugging Face `config.json` as the architecture of a model record.

Every field of the file is used, known to be harmless, or refused; a number that could be wrong is never written. The
file may be anyone's, so whatever is in it, reading takes less than a second: its bytes, values and depth are limited,
and so is what a layer costs times the layers.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from moe_kb.errors import MoeKbError, close_names
from moe_kb.files import UnreadableError, read_bounded
from moe_kb.importing.expressions import EvaluationError, shown
from moe_kb.importing.family import Family, common, families, parsed
from moe_kb.importing.layers import compress
from moe_kb.importing.quantisation import checkpoint
from moe_kb.records.architecture import MAX_LAYERS, Architecture
from moe_kb.sizing.parameters import UnsizedError, count

TYING = "tie_word_embeddings"  # a model of text and images may say it outside the text model's own fields
MAX_BYTES = 4_000_000  # per-layer lists of large models and label tables have some hundred kilobytes
MAX_VALUES = 200_000  # keys and values of a file
MAX_DEPTH = 40
MAX_DIGITS = 15  # of a whole number; what has more is no size
MAX_CHARACTERS = 60  # of a number with a point, and of what a message shows of a name or a value
MAX_ENTRIES = 2_000_000  # layers times entries of the longest list that they look into
MAX_PARAMETERS = 10**18  # a database's whole numbers have 63 bits
MAX_REASONS = 40


class RefusedError(MoeKbError):
    """The file is not understood; `reasons` says what of it, and `known` which types are, where its type is not."""

    def __init__(self, *reasons: str, known: Collection[str] = ()) -> None:
        more = len(reasons) - MAX_REASONS
        told = reasons if more <= 0 else (*reasons[:MAX_REASONS], f"and {more:,} more")
        # A file may hold half a surrogate pair, which no terminal can be given.
        self.reasons = tuple(reason.encode("utf-8", "backslashreplace").decode() for reason in told)
        self.known = tuple(known)
        listed = f"; known: {', '.join(self.known)}" if self.known else ""
        super().__init__("refused: " + "; ".join(self.reasons) + listed)


@dataclass(frozen=True)
class Imported:
    """What a file says.

    Attributes:
        architecture: the stacks.
        claims: further values, by the field of a claim: the value and the field of the file it was read from.
        assumed: fields that the file leaves out, and what the model's code takes in their place.
        family: the table that was used.
    """

    architecture: Architecture
    claims: dict[str, tuple[Any, str]]
    assumed: dict[str, Any]
    family: Family


def read_config_file(path: Path, *, source: str) -> Imported:
    """Read a `config.json`, as `read_config` does its content; from a pipe, too, where it ends within seconds.

    Raises:
        RefusedError: It is no file of a config's size, or not understood.
        OSError: It is missing, or may not be read.
    """
    try:
        content = read_bounded(path, MAX_BYTES)
    except UnreadableError as error:
        raise RefusedError(error.why) from None
    return read_config(content, source=source)


def read_config(text: str | bytes, *, source: str, locator: str = "config.json") -> Imported:
    """Read the content of a `config.json`; `source` is the key of the source record that stands for the file.

    Raises:
        RefusedError: for anything that is not understood, all of it at once.
    """
    config = parsed_config(text)
    name = config.get("model_type")
    known = families()
    if isinstance(name, str) and name in common().refused_types:
        raise RefusedError(f"model_type {name!r} is not read: {common().refused_types[name]}")
    if not isinstance(name, str) or name not in known:
        near = close_names(str(name)[:MAX_CHARACTERS], known)
        hint = f"; near it: {', '.join(near)}" if near else ""
        raise RefusedError(f"model_type {shown(name)} is not known{hint}", known=() if near else sorted(known))
    return _Reading(known[name], config).imported(source, locator)


class _Reading:
    """One file under one table."""

    def __init__(self, family: Family, config: dict[str, Any]) -> None:
        self.family, self.config = family, config
        self.fields = _renamed(family, _opened(family, config))
        self.assumed: dict[str, Any] = {}
        self.known: dict[int, Any] = {}
        """What parts of the table are worth that are the same for all layers, by the part's id."""
        self.known_of_layer: dict[int, Any] = {}
        """What the others are worth for the layer in hand."""

    def imported(self, source: str, locator: str) -> Imported:
        reasons = [*_not_understood(self.family, self.fields)]
        for check in self.family.checks:
            try:
                if not self.value(check.that, {}):
                    reasons.append(check.otherwise)
            except RefusedError as error:
                reasons += error.reasons
        if reasons:
            raise RefusedError(*dict.fromkeys(reasons))
        content: dict[str, Any] = {
            "source": source,
            "locator": locator,
            "status": "derived",
            "interpretation": [{"source": self.family.code_source, "locator": self.family.code}],
        }
        for field, given in self.family.architecture.items():
            is_stack = isinstance(given, dict) and "sublayers" in given
            value = self.stack(given) if is_stack else self.value(given, {})
            if value is not None:
                content[field] = value
        try:
            architecture = Architecture.model_validate(content, strict=True)
        except ValidationError as error:
            raise RefusedError(*map(_told, error.errors(include_url=False, include_input=False))) from None
        self.must_be_countable(architecture)
        if stored := checkpoint(_chain(self.family, self.config), architecture):
            architecture = architecture.model_copy(update={"checkpoint": stored})
        claims = {}
        for field, given in {**common().claims, **self.family.claims}.items():
            names = sorted(parsed(given[1:]).names)
            if all(name in self.fields for name in names) and (value := self.value(given, {})) is not None:
                if isinstance(value, bool) or not isinstance(value, int | float):
                    raise RefusedError(f"{', '.join(names)} is {_short(value)}: not a number")
                claims[field] = (value, ", ".join(names))
        return Imported(architecture, claims, self.assumed, self.family)

    def must_be_countable(self, architecture: Architecture) -> None:
        """Refuse what is beyond any model, however plausible each of its numbers is."""
        with suppress(UnsizedError):  # what is missing is told where it is sized
            if (total := count(architecture).total) > MAX_PARAMETERS:
                numbers = {name: self.fields[name] for name in self.family.used if type(self.fields.get(name)) is int}
                largest = max(numbers, key=lambda name: (numbers[name], name))
                raise RefusedError(f"{largest} = {numbers[largest]}: no model has {float(total):.0e} parameters")

    def stack(self, given: Mapping[str, Any]) -> dict[str, Any] | None:
        n_layers = self.value(given["layers"], {})
        if n_layers is None or n_layers == 0:
            return None
        if isinstance(n_layers, bool) or not isinstance(n_layers, int) or not 0 < n_layers <= MAX_LAYERS:
            raise RefusedError(f"{given['layers']} is {shown(n_layers)}: a number of layers is 1 to {MAX_LAYERS:,}")
        for name in sorted(self.family.used & self.fields.keys()):
            field = self.fields[name]
            if isinstance(field, Collection) and n_layers * len(field) > MAX_ENTRIES:
                long = f"{name} = {_short(field)} has {len(field):,} entries"
                raise RefusedError(f"{long}, too many for {n_layers:,} layers")
        layers = []
        for layer in range(n_layers):
            self.known_of_layer.clear()
            layers.append(self.value(given["sublayers"], {"layer": layer, "layers": n_layers}))
        self.known_of_layer.clear()
        return {"groups": compress(layers)}

    def value(self, given: Any, scope: Mapping[str, int]) -> Any:
        """What a part of the table says of this file; parts whose `when` is false are None.

        Each part is computed once, or once for a layer: most of a layer is the same in all.
        """
        if not isinstance(given, str | dict | list) or given == "" or (isinstance(given, str) and given[0] != "="):
            return given
        known = self.known_of_layer if id(given) in self.family.varying else self.known
        if id(given) not in known:
            known[id(given)] = self.computed(given, scope)
        return known[id(given)]

    def computed(self, given: str | dict[str, Any] | list[Any], scope: Mapping[str, int]) -> Any:
        """See `value`."""
        if isinstance(given, str):
            return self.evaluate(given[1:], scope)
        if isinstance(given, dict):
            when = self.value(given.get("when", True), scope)
            if when is not None and not isinstance(when, int):  # a list or a word is no answer
                raise RefusedError(f"{given['when']} is {_short(when)}: neither yes nor no")
            if not when:
                return None
            pairs = ((key, self.value(inner, scope)) for key, inner in given.items() if key != "when")
            return {key: value for key, value in pairs if value is not None}
        return [value for inner in given if (value := self.value(inner, scope)) is not None]

    def evaluate(self, text: str, scope: Mapping[str, int]) -> Any:
        try:
            return parsed(text).value(lambda name: self.look_up(name, scope))
        except EvaluationError as error:
            raise RefusedError(str(error)) from None

    def look_up(self, name: str, scope: Mapping[str, int]) -> Any:
        if name in scope:
            return scope[name]
        if name in self.family.let:
            return self.value(self.family.let[name], scope)
        if name in self.fields:
            if self.fields[name] is None and name not in {*self.family.defaults, *self.family.nullable}:
                raise RefusedError(f"{name} is needed, and the file gives it as null")
            return self.fields[name]
        if name in self.family.defaults:
            value = self.value(self.family.defaults[name], scope)
            self.assumed[name] = value
            return value
        raise RefusedError(f"{name} is needed, and the file does not give it")


def parsed_config(content: str | bytes) -> dict[str, Any]:
    """The fields of a file.

    Raises:
        RefusedError: It is no JSON object, gives a field twice, or is beyond any config's size.
    """
    raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    if len(raw) > MAX_BYTES:
        raise RefusedError(f"it is larger than {MAX_BYTES:,} bytes: no config is")

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(items)
        if len(fields) < len(items):
            numbers = Counter(name for name, _ in items)
            raise RefusedError(f"given twice: {_names(sorted(name for name in fields if numbers[name] > 1))}")
        return fields

    def whole(digits: str) -> int | str:
        return int(digits) if len(digits.lstrip("-")) <= MAX_DIGITS else digits

    def broken(digits: str) -> float | str:
        # Reading a number of a million digits takes minutes.
        number = float(digits) if len(digits) <= MAX_CHARACTERS else math.inf
        return number if math.isfinite(number) else digits

    try:
        # Infinity and NaN are not JSON, but stand in released files as limits of no harm: a word is no size.
        config = json.loads(
            raw.decode("utf-8"), object_pairs_hook=pairs, parse_constant=str, parse_int=whole, parse_float=broken
        )
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON
        raise RefusedError(f"not JSON: {error}") from None
    if not isinstance(config, dict):
        raise RefusedError("a config is an object of fields and values")
    depth, values = 0, 0
    level: list[dict[str, Any] | list[Any]] = [config]
    while level:
        depth += 1
        values += sum(2 * len(part) if isinstance(part, dict) else len(part) for part in level)
        if depth > MAX_DEPTH:
            raise RefusedError(f"it is nested deeper than {MAX_DEPTH} levels: no config is")
        if values > MAX_VALUES:
            raise RefusedError(f"it has more than {MAX_VALUES:,} keys and values: no config has")
        inside = (item for part in level for item in (part.values() if isinstance(part, dict) else part))
        level = [item for item in inside if isinstance(item, dict | list)]
    return config


def _opened(family: Family, config: dict[str, Any]) -> dict[str, Any]:
    """The text model's own fields, those of opened ones by dotted names."""
    for outer in family.text:
        if outer not in config:
            continue
        inner = config[outer]
        if not isinstance(inner, dict):
            raise RefusedError(f"{outer} is not an object of fields")
        tied = config.get(TYING, inner.get(TYING))
        for name in sorted((family.used & set(config) & set(inner)) - set(family.opened)):
            if config[name] != inner[name]:
                whole, part = _short(config[name]), _short(inner[name])
                raise RefusedError(f"{name} is {whole} for the whole and {part} for its {outer}")
        config = inner if tied is None else {**inner, TYING: tied}
    fields: dict[str, Any] = {}
    for name, value in config.items():
        if name in family.opened:
            if not isinstance(value, dict):
                raise RefusedError(f"{name} is not an object of fields")
            fields |= {f"{name}.{inner}": value for inner, value in value.items()}
        else:
            fields[name] = value
    return fields


def _chain(family: Family, config: dict[str, Any]) -> list[dict[str, Any]]:
    """The text model's fields, then those of what it is within."""
    chain = [config]
    for outer in family.text:
        if isinstance(inner := chain[0].get(outer), dict):
            chain.insert(0, inner)
    return chain


def _renamed(family: Family, fields: dict[str, Any]) -> dict[str, Any]:
    for other, name in family.aliases.items():
        if other in fields:
            value = fields.pop(other)
            if name in fields and fields[name] != value:
                raise RefusedError(f"{other} = {shown(value)} and {name} = {shown(fields[name])} name the same thing")
            fields[name] = value
    return fields


def _not_understood(family: Family, fields: Mapping[str, Any]) -> list[str]:
    used, harmless, refused = _lists(family.model_types[0])
    reasons: list[str] = []

    def told(name: str, value: Any) -> str:
        # Of a hundred thousand, only those that are listed are worth being written out.
        return f"{_cut(name)} = {_short(value)}" if len(reasons) < MAX_REASONS else name

    for name, value in fields.items():
        bare = name.rpartition(".")[2]  # what holds for all holds inside an opened field too
        if name in used or name in harmless or (name not in refused and bare in common().harmless):
            continue
        reason = refused.get(name, common().refused.get(bare))
        if reason is None:
            reasons.append(f"{told(name, value)} is not understood")
        elif value not in (None, False, 0, "", [], {}):
            reasons.append(f"{told(name, value)}: {reason}")
    return reasons


@cache
def _lists(model_type: str) -> tuple[frozenset[str], frozenset[str], dict[str, str]]:
    family = families()[model_type]
    return (
        family.used,
        frozenset([*common().harmless, *family.harmless]) - set(family.refused),
        {**common().refused, **family.refused},
    )


def _short(value: Any) -> str:
    """A value as the file writes it, its beginning where it is long; no more than that is written out."""
    text = ""
    for piece in json.JSONEncoder(ensure_ascii=False).iterencode(value):
        text += piece[: MAX_CHARACTERS + 1]
        if len(text) > MAX_CHARACTERS:
            break
    return _cut(text)


def _cut(text: str) -> str:
    """A text that may be anything: its beginning, with what a terminal would not show as it stands written as JSON."""
    text = text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 3] + "..."
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in text)


def _names(names: Collection[str]) -> str:
    """Names in a row, the first few dozens of them."""
    told = [_cut(name) for name, _ in zip(names, range(MAX_REASONS), strict=False)]
    more = len(names) - len(told)
    return ", ".join(told) + (f" and {more:,} more" if more else "")


def _told(item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"])
    return f"{place}: {item['msg']}"
