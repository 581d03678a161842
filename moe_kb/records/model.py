"""Models: what was released or published under a name, with its configurations, one per size."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from moe_kb.records.architecture import MAX_SUBLAYERS, Architecture
from moe_kb.records.base import Key, Kind, Line, Part, PartialDate, Record


class Configuration(Part):
    """One size of a model."""

    label: Line
    """Name of the size, e.g. `671B`; unique inside the model."""
    architecture: Architecture | None = None
    """Its layers, where a source describes them; table rows add claims through the alignment file."""


class Model(Record):
    """A model. Values from tables (dates, sizes, scores) are claims, tied to it by the alignment file."""

    KIND: ClassVar[Kind] = "model"
    SELF_SOURCED: ClassVar[frozenset[str]] = Record.SELF_SOURCED | {"configurations"}

    organisation: Line | None = None
    """Who made it."""
    released: PartialDate | None = None
    """When it became public."""
    openness: Literal["open", "closed"] | None = None
    """Whether its weights can be had."""
    domain: Line | None = None
    """Field of use, as its source names it."""
    licence: Line | None = None
    """Licence of the weights."""
    papers: list[Key] = Field(default_factory=list)
    """Papers that describe it."""
    configurations: Annotated[list[Configuration], Field(default_factory=list)]
    """Its sizes."""

    @model_validator(mode="after")
    def _labels_are_unique(self) -> Model:
        labels = Counter(configuration.label for configuration in self.configurations)
        if twice := sorted(label for label, times in labels.items() if times > 1):
            raise ValueError(f"configuration labels must be unique; twice: {', '.join(twice)}")
        return self

    @model_validator(mode="after")
    def _can_be_written_out(self) -> Model:
        stacks = [s for c in self.configurations if c.architecture for s in c.architecture.stacks.values()]
        if (n_sublayers := sum(stack.n_sublayers for stack in stacks)) > MAX_SUBLAYERS:
            raise ValueError(f"{n_sublayers:,} sublayers in all; at most {MAX_SUBLAYERS:,} can be written out")
        return self
