"""A config class as a list of form fields, so that the app's form has nothing left to decide.

Read from the class's JSON Schema: bounds, defaults, choices and descriptions come from the pydantic
fields; `json_schema_extra` may add `unit`, `group` and `step`. A nested model becomes fields with dotted
names in a group of its own; what has no simple input (lists, tables) becomes a text field that holds JSON.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

Kind = Literal["int", "float", "bool", "choice", "text"]
_MISSING = object()
LONGEST_NUMBER = 30
"""Digits of a whole number in a text; reading one of a million digits takes long."""
_KINDS: dict[str, Kind] = {"integer": "int", "number": "float", "boolean": "bool", "string": "text"}


@dataclass(frozen=True, slots=True)
class FormField:
    """One input of a form."""

    name: str
    """The config's field; dotted for a field of a nested model."""
    label: str
    kind: Kind
    default: Any
    """None when the field is required, or when it is optional and empty by default."""
    required: bool
    optional: bool
    """Whether None is a value that the config takes."""
    minimum: float | None
    minimum_exclusive: bool
    """Only for floats: a bound of whole numbers is given as the nearest number allowed."""
    maximum: float | None
    maximum_exclusive: bool
    step: float | None
    choices: tuple[Any, ...]
    unit: str
    help: str
    group: str
    as_json: bool
    """Whether the text is JSON, for `config_from_form` to read."""

    @property
    def short(self) -> str:
        """The name without its section, see `flat_settings`."""
        return _short(self.name)

    def allowed(self) -> str:
        """Say in words what may be given."""
        if self.kind == "choice":
            return "one of " + ", ".join(str(choice) for choice in self.choices)
        if self.kind == "bool":
            return "yes or no"
        if self.kind == "text":
            return "JSON text" if self.as_json else "text"
        words = ["a whole number" if self.kind == "int" else "a number"]
        if self.minimum is not None:
            words.append(f"{'above' if self.minimum_exclusive else 'from'} {self.minimum:g}")
        if self.maximum is not None:
            words.append(f"{'below' if self.maximum_exclusive else 'to'} {self.maximum:g}")
        if self.unit:
            words.append(f"({self.unit})")
        return " ".join(words)

    def takes(self, value: Any) -> bool:
        """Tell whether an input of this field can hold a value; a config of another version may have others."""
        if value is None:
            return self.optional or self.required
        if self.kind == "choice":
            return value in self.choices
        if self.kind == "bool":
            return isinstance(value, bool)
        if self.kind == "text":
            return isinstance(value, str)
        if isinstance(value, bool) or not isinstance(value, int if self.kind == "int" else int | float):
            return False
        return (self.minimum is None or value >= self.minimum) and (self.maximum is None or value <= self.maximum)


def form_fields(config_class: type[BaseModel], given: Mapping[str, Any] | None = None) -> tuple[FormField, ...]:
    """Return the fields of a config class, in its order.

    Args:
        config_class: The class of the settings.
        given: Fields already chosen, such as a task. The class itself tells what the others are worth beside them;
            where it refuses them alone, the defaults are the fields' own.
    """
    schema = config_class.model_json_schema()
    defaults: dict[str, Any] = {}
    if given:
        with suppress(ValidationError):
            defaults = config_class.model_validate(dict(given)).model_dump(mode="json")
    return tuple(_fields(schema, schema.get("$defs", {}), prefix="", group="", defaults=defaults))


def with_defaults(fields: Sequence[FormField], values: Mapping[str, Any]) -> tuple[FormField, ...]:
    """Return the fields with other defaults, by field name; a value that an input cannot hold changes nothing."""
    return tuple(
        replace(field, default=values[field.name])
        if field.name in values and field.takes(values[field.name])
        else field
        for field in fields
    )


def to_text(value: Any) -> str:
    """Write an input's value as text, for an address: `60`, `0.003`, `yes`; nothing stands for no value."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def changes_from_texts(fields: Sequence[FormField], texts: Mapping[str, str]) -> dict[str, Any]:
    """Read inputs' values, by field name, from texts by short name, as `to_text` writes them.

    What no field is called, an input cannot hold, or is the default is left out: an address may be of another
    implementation or version, or anybody's.
    """
    changes = {}
    for field in fields:
        if field.short not in texts:
            continue
        with suppress(ValueError):
            value = _read(field, texts[field.short])
            if field.takes(value) and value != field.default:
                changes[field.name] = value
    return changes


def _read(field: FormField, text: str) -> Any:
    if field.optional and not text:
        return None
    if field.kind == "bool":
        return {"yes": True, "no": False}[text] if text in ("yes", "no") else text
    if field.kind == "choice":
        return next((choice for choice in field.choices if to_text(choice) == text), text)
    if field.kind == "int":
        return int(text) if len(text) <= LONGEST_NUMBER else text
    if field.kind == "float":
        value = float(text)
        return value if math.isfinite(value) else text
    return text


def config_from_form(fields: Sequence[FormField], values: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the inputs' values, by field name, into the mapping that the config class validates.

    JSON text that is not JSON is passed on as it is: the validation at launch names the field and the fix.
    """
    config: dict[str, Any] = {}
    for field in fields:
        if field.name not in values:
            continue
        value = values[field.name]
        if field.as_json and isinstance(value, str):
            with suppress(ValueError, RecursionError):
                value = json.loads(value)
        *parents, last = field.name.split(".")
        place = config
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return config


def form_from_config(fields: Sequence[FormField], config: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a config as plain values into the inputs' values, the other way of `config_from_form`.

    A config of an earlier version may have a setting without its section. What the config lacks, or an input cannot
    hold, is left out.
    """
    values: dict[str, Any] = {}
    for field in fields:
        value: Any = config
        for part in field.name.split("."):
            value = value.get(part, _MISSING) if isinstance(value, Mapping) else _MISSING
        if value is _MISSING:
            value = config.get(field.short, _MISSING)
        if value is _MISSING or isinstance(value, Mapping):
            continue
        if field.as_json and value is not None:
            value = json.dumps(value)
        if field.takes(value):
            values[field.name] = value
    return values


def flat_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with the settings of its sections beside the others, each by its name alone.

    What a section calls its `name` is called as the section is: `{"task": {"name": "text"}}` has the task "text". Of
    settings of two sections with one name, the second keeps its section: `model.width`.
    """
    flat: dict[str, Any] = {}
    for name, value in config.items():
        for inner, setting in value.items() if isinstance(value, Mapping) else [(None, value)]:
            whole = name if inner is None else f"{name}.{inner}"
            flat[whole if _short(whole) in flat else _short(whole)] = setting
    return flat


def _short(name: str) -> str:
    section, _, last = name.rpartition(".")
    return section.rpartition(".")[2] if section and last == "name" else last


def _fields(
    schema: Mapping[str, Any], definitions: Mapping[str, Any], prefix: str, group: str, defaults: Mapping[str, Any]
) -> Iterator[FormField]:
    required = schema.get("required", ())
    for name, raw in schema.get("properties", {}).items():
        spec, optional = _resolve(raw, definitions)
        default = defaults.get(name, spec.get("default"))
        if spec.get("type") == "object" and spec.get("properties") and not optional:
            yield from _fields(
                spec,
                definitions,
                prefix=f"{prefix}{name}.",
                group=str(spec.get("group") or _label(name, raw)),
                defaults=default if isinstance(default, Mapping) else {},
            )
        else:
            missing = name in required and name not in defaults
            yield _field(f"{prefix}{name}", spec, default, missing, optional, group)


def _resolve(raw: Mapping[str, Any], definitions: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Follow references and take the null out of an optional field; return the schema and if it was there."""
    spec = dict(raw)
    optional = False
    while "$ref" in spec or "anyOf" in spec:
        if "$ref" in spec:
            target = definitions[spec.pop("$ref").rsplit("/", 1)[-1]]
        else:
            choices = spec.pop("anyOf")
            real = [choice for choice in choices if choice.get("type") != "null"]
            optional = optional or len(real) < len(choices)
            if len(real) != 1:  # a union of several types has no simple input
                break
            target = real[0]
        spec = {**target, **spec}
    return spec, optional


def _field(name: str, spec: Mapping[str, Any], default: Any, missing: bool, optional: bool, group: str) -> FormField:
    choices = tuple(spec["enum"]) if "enum" in spec else (spec["const"],) if "const" in spec else ()
    plain = _KINDS.get(str(spec.get("type")))
    kind: Kind = "choice" if choices else plain or "text"
    as_json = not choices and plain is None
    if as_json and default is not None:
        default = json.dumps(default)
    low, low_open = _bound(spec, "minimum", "exclusiveMinimum", kind, 1)
    high, high_open = _bound(spec, "maximum", "exclusiveMaximum", kind, -1)
    return FormField(
        name=name,
        label=_label(name.rsplit(".", 1)[-1], spec),
        kind=kind,
        default=default,
        required=missing,
        optional=optional,
        minimum=low,
        minimum_exclusive=low_open,
        maximum=high,
        maximum_exclusive=high_open,
        step=_step(spec, kind, default),
        choices=choices,
        unit=str(spec.get("unit", "")),
        help=str(spec.get("description", "")),
        group=str(spec.get("group", group)),
        as_json=as_json,
    )


def _bound(
    spec: Mapping[str, Any], inclusive: str, exclusive: str, kind: Kind, inwards: int
) -> tuple[float | None, bool]:
    """Return a bound and whether it is exclusive; for whole numbers the exclusive one is moved inwards."""
    closed, opened = spec.get(inclusive), spec.get(exclusive)
    if kind not in ("int", "float") or (closed is None and opened is None):
        return None, False
    if opened is None or (closed is not None and (closed - opened) * inwards > 0):
        return closed, False
    return (opened + inwards, False) if kind == "int" else (opened, True)


def _step(spec: Mapping[str, Any], kind: Kind, default: Any) -> float | None:
    """Return the step of a number input: the declared one, 1, or a tenth of the default's power of ten."""
    if kind not in ("int", "float"):
        return None
    declared = spec.get("step", spec.get("multipleOf"))
    if declared is not None:
        return float(declared) if kind == "float" else int(declared)
    if kind == "int":
        return 1
    if not default:
        return 0.01
    return float(10.0 ** (math.floor(math.log10(abs(default))) - 1))


def _label(name: str, spec: Mapping[str, Any]) -> str:
    """Return the declared title; pydantic's own (every word capitalised) becomes a sentence-case one."""
    title = str(spec.get("title", ""))
    words = name.replace("_", " ")
    return title if title and title.lower() != words.lower() else words[:1].upper() + words[1:]
