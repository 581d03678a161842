"""The family tables: what the fields of a `config.json` mean, one file for each family of models.

In a table a string that begins with `=` is an expression over the config's fields (see `expressions`); anything else
stands for itself. Where `when` is false a part is left out; where an expression is null its field is.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from moe_kb.importing.expressions import Expression
from moe_kb.yamlio import reader

FOLDER = Path(__file__).parent / "families"
COMMON = "common"  # the table of what holds for all; it describes no family


class Check(BaseModel):
    """What must hold between fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    that: str
    """An expression, `=` included."""
    otherwise: str
    """What is told where it is false."""


class Fields(BaseModel):
    """Fields that change no size, and those that must be off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    harmless: Annotated[list[str], Field(default_factory=list)]
    """Known to change nothing that a record says."""
    refused: Annotated[dict[str, str], Field(default_factory=dict)]
    """Field and reason: accepted only where it is off (null, false, zero or empty)."""
    claims: Annotated[dict[str, Any], Field(default_factory=dict)]
    """Field of a record's claim and the expression of its value."""


class Common(Fields):
    """The table of what holds for all."""

    refused_types: Annotated[dict[str, str], Field(default_factory=dict)]
    """Values of `model_type` that no table can be for, and why."""


class Family(Fields):
    """One table.

    Attributes are in the order in which a reader wants them.
    """

    model_types: Annotated[list[str], Field(min_length=1)]
    """Values of `model_type`."""
    code: str
    """The file whose code the table was read from."""
    code_source: str = "transformers-code"
    """The source record of that code."""
    note: str | None = None
    """What to know of this family."""
    text: Annotated[list[str], Field(default_factory=list)]
    """Fields that hold the text model's config, the outermost first, where they are; what stands beside is harmless."""
    opened: Annotated[list[str], Field(default_factory=list)]
    """Fields that hold fields, which are then named `outer.inner`."""
    aliases: Annotated[dict[str, str], Field(default_factory=dict)]
    """Other names of fields; giving both with different values is refused."""
    defaults: Annotated[dict[str, Any], Field(default_factory=dict)]
    """What the code takes where the file is silent; `=` expressions may use other fields."""
    nullable: Annotated[list[str], Field(default_factory=list)]
    """Fields without default whose null says something; any other null is as bad as a silent file."""
    let: Annotated[dict[str, str], Field(default_factory=dict)]
    """Names for expressions; `layer` is the number of the layer from 0."""
    checks: Annotated[list[Check], Field(default_factory=list)]
    """What must hold between fields."""
    architecture: dict[str, Any]
    """Fields of the record's architecture; a stack is `layers` (how many) and `sublayers` (of layer `layer`)."""

    @model_validator(mode="after")
    def _expressions_are_expressions(self) -> Family:
        unknown = self.names & {"True", "False", "None"}
        if unknown:
            raise ValueError(f"write {unknown} as constants")
        return self

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name in its expressions."""
        found = {name for text in _strings(self.architecture) for name in names_in(text)}
        for text in _strings([self.defaults, list(self.let.values()), self.claims, [c.that for c in self.checks]]):
            found |= names_in(text)
        return frozenset(found)

    @cached_property
    def used(self) -> frozenset[str]:
        """Fields of the config that its expressions read."""
        return (self.names | set(self.aliases)) - set(self.let) - {"layer", "layers"}

    @cached_property
    def varying(self) -> frozenset[int]:
        """Ids of the parts of the table that are not the same for all layers."""
        names, named = {"layer", "layers"}, {**self.defaults, **self.let}

        def varies(given: Any) -> bool:
            return any(names_in(text) & names for text in _strings(given))

        while more := {name for name, given in named.items() if name not in names and varies(given)}:
            names |= more
        tables = [self.architecture, self.defaults, self.let, self.claims, [check.that for check in self.checks]]
        return frozenset(id(part) for part in _parts(tables) if varies(part))


def names_in(text: str) -> frozenset[str]:
    """Names of an expression; none in a constant."""
    return parsed(text[1:]).names if text.startswith("=") else frozenset()


@cache
def parsed(text: str) -> Expression:
    """The expression `text`, parsed once."""
    return Expression(text)


def _strings(value: Any) -> Iterator[str]:
    return (part for part in _parts(value) if isinstance(part, str))


def _parts(value: Any) -> Iterator[Any]:
    """A value and all that is in it."""
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _parts(inner)


@cache
def common() -> Common:
    """What holds for every family."""
    return Common.model_validate(_read(FOLDER / f"{COMMON}.yaml"))


@cache
def families() -> dict[str, Family]:
    """Every table by the values of `model_type` that it is for."""
    found: dict[str, Family] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        if path.stem == COMMON:
            continue
        family = Family.model_validate(_read(path))
        for name in family.model_types:
            if name in found:
                raise ValueError(f"{path.name}: model_type {name!r} has another table already")
            found[name] = family
    return found


def _read(path: Path) -> Any:
    return reader.parse(reader.read_text(path))
