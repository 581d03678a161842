"""The records that an imported file becomes: a source for the file, a model with its configuration and claims."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from moe_kb.errors import MoeKbError
from moe_kb.importing.hf import Imported
from moe_kb.records import Model, Source
from moe_kb.records.base import Provenance, SourcedValue
from moe_kb.records.model import Configuration
from moe_kb.sizing.parameters import Parameters

LOCATOR = "config.json"
_COEFFICIENTS = {"w_aux", "w_z"}  # what a file carries along need not be what the model was trained with


class ImportNameError(MoeKbError):
    """A name, key or label that cannot be used; the message says what to give instead."""


@dataclass(frozen=True)
class Origin:
    """Where a file is from.

    Attributes:
        name: what people call the model, or the model and its size.
        url, version, accessed: as of a source record; none where it is not known.
    """

    name: str
    url: str | None = None
    version: str | None = None
    accessed: str | None = None


def key_of(name: str) -> str:
    """A key made from a name: lower case, with hyphens for what a key cannot hold.

    Raises:
        ImportNameError: nothing of the name can stand in a key.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    key = re.sub(r"-*\.+[-.]*", ".", re.sub(r"[^a-z0-9.]+", "-", plain)).strip("-.")[:80].strip("-.")
    if not key:
        raise ImportNameError(f"no key can be made from {name!r}; give one with --key")
    return key


def label_of(size: Parameters) -> str:
    """The name of a size by its parameters, in all and active: `47B-A13B`."""
    total, active = _short(size.total), _short(round(size.active))
    return total if total == active else f"{total}-A{active}"


def _short(number: int) -> str:
    for unit, worth in (("B", 10**9), ("M", 10**6)):
        if number >= worth:
            return f"{number / worth:.0f}{unit}" if number >= 10 * worth else f"{number / worth:.1f}{unit}"
    return f"{number:,}"


def source_record(key: str, origin: Origin) -> Source:
    """The source that stands for the file.

    Raises:
        ImportNameError: something given is not of the form that a record wants.
    """
    try:
        return Source(
            key=key,
            name=f"{origin.name}, config.json",
            title=f"config.json of {origin.name}",
            type="config",
            url=origin.url,
            version=origin.version,
            accessed=origin.accessed,
            note=None if origin.url else "Read from a local file; where it is published was not said.",
        )
    except ValidationError as error:
        raise _misgiven(error) from None


def model_record(key: str, name: str, label: str, imported: Imported) -> Model:
    """A new model of one configuration; its name is the only field besides.

    Raises:
        ImportNameError: something given is not of the form that a record wants.
    """
    source = imported.architecture.source
    provenance = Provenance(source=source, locator="name of the file, or name given with it", fields=["name"])
    try:
        empty = Model(key=key, name=name, configurations=[], provenance=[provenance])
    except ValidationError as error:
        raise _misgiven(error) from None
    return with_configuration(empty, label, imported)


def with_configuration(model: Model, label: str, imported: Imported) -> Model:
    """The model with one more configuration, its claims after those that are there.

    A configuration of this label that says the same already is left as it is: an import that was cut short is repeated.

    Raises:
        ImportNameError: the model has another configuration of this label, or the label cannot be one.
    """
    configuration, claims = _additions(label, imported)
    there = next((other for other in model.configurations if other.label == label), None)
    if there is None:
        added = {"configurations": [*model.configurations, configuration], "claims": [*model.claims, *claims]}
        return model.model_copy(update=added)
    differing = differences(there.architecture or there, configuration.architecture or configuration)
    if not differing and not all(claim in model.claims for claim in claims):
        differing = ["claims"]
    if differing:
        raise ImportNameError(
            f"{model.reference} has a configuration {label!r} that differs in {', '.join(differing)}, and an import "
            "changes none; give another with --label"
        )
    return model


def differences(one: BaseModel, other: BaseModel) -> list[str]:
    """Names of the fields in which two of the same kind differ; `kind` where they are of two."""
    if type(one) is not type(other):
        return ["kind"]
    return [name for name in type(one).model_fields if getattr(one, name) != getattr(other, name)]


def _additions(label: str, imported: Imported) -> tuple[Configuration, list[SourcedValue]]:
    note = _assumptions(imported.assumed)
    architecture = imported.architecture.model_copy(update={"note": note} if note else {})
    try:
        configuration = Configuration(label=label, architecture=architecture)
    except ValidationError as error:
        raise _misgiven(error) from None
    return configuration, [
        SourcedValue(
            source=architecture.source,
            locator=LOCATOR,
            field=field,
            value=value,
            configuration=label,
            printed=json.dumps(value),
            note=f"{names} of the file" + ("; training may have used another." if field in _COEFFICIENTS else "."),
        )
        for field, (value, names) in imported.claims.items()
    ]


def _misgiven(error: ValidationError) -> ImportNameError:
    first = error.errors(include_url=False)[0]
    place, given = ".".join(map(str, first["loc"])), str(first["input"])[:60]
    return ImportNameError(f"{place} cannot be {given!r}: {first['msg'].removeprefix('Value error, ')}")


def _assumptions(assumed: dict[str, Any]) -> str | None:
    if not assumed:
        return None
    told = ", ".join(f"{name} {json.dumps(value)}" for name, value in sorted(assumed.items()))
    return f"Not in the file, so taken as the code takes them: {told}."[:4000]
