"""A Hugging Face `config.json` as the architecture of a model record.

Every field of the file is used, known to be harmless, or refused; a number that could be wrong is never written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import ValidationError

from moe_kb.errors import MoeKbError, close_names
from moe_kb.importing.expressions import EvaluationError
from moe_kb.importing.family import Family, common, families, parsed
from moe_kb.importing.layers import compress
from moe_kb.records.architecture import MAX_LAYERS, Architecture

TYING = "tie_word_embeddings"  # a model of text and images may say it outside the text model's own fields
MAX_DIGITS = 18  # of a whole number; what has more is no size
MAX_BYTES = 4_000_000  # per-layer lists of large models and label tables have some hundred kilobytes


class RefusedError(MoeKbError):
    """The file is not understood; `reasons` says what of it."""

    def __init__(self, *reasons: str) -> None:
        # A file may hold half a surrogate pair, which no terminal can be given.
        self.reasons = tuple(reason.encode("utf-8", "backslashreplace").decode() for reason in reasons)
        super().__init__("refused: " + "; ".join(self.reasons))


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


def read_config(text: str | bytes, *, source: str, locator: str = "config.json") -> Imported:
    """Read the content of a `config.json`; `source` is the key of the source record that stands for the file.

    Raises:
        RefusedError: for anything that is not understood, all of it at once.
    """
    config = _json(text)
    name = config.get("model_type")
    known = families()
    if isinstance(name, str) and name in common().refused_types:
        raise RefusedError(f"model_type {name!r} is not read: {common().refused_types[name]}")
    if not isinstance(name, str) or name not in known:
        near = close_names(str(name), known)
        names = f"near it: {', '.join(near)}" if near else f"known: {', '.join(sorted(known))}"
        raise RefusedError(f"model_type {name!r} is not known; {names}")
    return _Reading(known[name], config).imported(source, locator)


class _Reading:
    """One file under one table."""

    def __init__(self, family: Family, config: dict[str, Any]) -> None:
        self.family = family
        self.fields = _renamed(family, _opened(family, config))
        self.assumed: dict[str, Any] = {}

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
            raise RefusedError(*(_told(item) for item in error.errors())) from None
        claims = {}
        for field, given in {**common().claims, **self.family.claims}.items():
            names = sorted(parsed(given[1:]).names)
            if all(name in self.fields for name in names) and (value := self.value(given, {})) is not None:
                claims[field] = (value, ", ".join(names))
        return Imported(architecture, claims, self.assumed, self.family)

    def stack(self, given: Mapping[str, Any]) -> dict[str, Any] | None:
        n_layers = self.value(given["layers"], {})
        if n_layers is None or n_layers == 0:
            return None
        if isinstance(n_layers, bool) or not isinstance(n_layers, int) or not 0 < n_layers <= MAX_LAYERS:
            raise RefusedError(f"{given['layers']} is {n_layers!r}: a number of layers is 1 to {MAX_LAYERS:,}")
        layers = [self.value(given["sublayers"], {"layer": layer, "layers": n_layers}) for layer in range(n_layers)]
        return {"groups": compress(layers)}

    def value(self, given: Any, scope: Mapping[str, int]) -> Any:
        """What a part of the table says of this file; parts whose `when` is false are None."""
        if isinstance(given, str):
            return self.evaluate(given[1:], scope) if given.startswith("=") else given
        if isinstance(given, dict):
            when = self.value(given.get("when", True), scope)
            if when is not None and not isinstance(when, int):  # a list or a word is no answer
                raise RefusedError(f"{given['when']} is {_short(when)}: neither yes nor no")
            if not when:
                return None
            pairs = ((key, self.value(inner, scope)) for key, inner in given.items() if key != "when")
            return {key: value for key, value in pairs if value is not None}
        if isinstance(given, list):
            return [value for inner in given if (value := self.value(inner, scope)) is not None]
        return given

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


def _json(content: str | bytes) -> dict[str, Any]:
    raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    if len(raw) > MAX_BYTES:
        raise RefusedError(f"the file is larger than {MAX_BYTES:,} bytes: no config is")

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in items]
        twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
        if twice:
            raise RefusedError(f"given twice: {', '.join(twice)}")
        return dict(items)

    def whole(digits: str) -> int | str:
        return int(digits) if len(digits) <= MAX_DIGITS else digits

    def broken(digits: str) -> float | str:
        return number if math.isfinite(number := float(digits)) else digits

    try:
        # Infinity and NaN are not JSON, but stand in released files as limits of no harm: a word is no size.
        config = json.loads(
            raw.decode("utf-8"), object_pairs_hook=pairs, parse_constant=str, parse_int=whole, parse_float=broken
        )
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON
        raise RefusedError(f"not JSON: {error}") from None
    if not isinstance(config, dict):
        raise RefusedError("a config is an object of fields and values")
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


def _renamed(family: Family, fields: dict[str, Any]) -> dict[str, Any]:
    for other, name in family.aliases.items():
        if other in fields:
            value = fields.pop(other)
            if name in fields and fields[name] != value:
                raise RefusedError(f"{other} = {value!r} and {name} = {fields[name]!r} name the same thing")
            fields[name] = value
    return fields


def _not_understood(family: Family, fields: Mapping[str, Any]) -> list[str]:
    used, harmless, refused = _lists(family.model_types[0])
    reasons = []
    for name, value in fields.items():
        bare = name.rpartition(".")[2]  # what holds for all holds inside an opened field too
        if name in used or name in harmless or (name not in refused and bare in common().harmless):
            continue
        reason = refused.get(name, common().refused.get(bare))
        if reason is None:
            reasons.append(f"{name} = {_short(value)} is not understood")
        elif value not in (None, False, 0, "", [], {}):
            reasons.append(f"{name} = {_short(value)}: {reason}")
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
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _told(item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"])
    return f"{place}: {item['msg']}"
