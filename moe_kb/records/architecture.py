"""Architectures: stacks of layer groups, exact enough to count parameters, loose enough for a printed table.

A layer is its sublayers in the order of computation.
"""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from moe_kb.records.base import Citation, Part, Status, Text
from moe_kb.records.checkpoint import Checkpoint
from moe_kb.records.sublayers import AnySublayer, Count, Mixture, Positive, Weight

#: Repeats are written out to be counted, so a wrong one must not ask for a billion layers.
MAX_LAYERS = 10_000
#: Sublayers of a stack, and of all stacks of a model, written out.
MAX_SUBLAYERS = 100_000


class LayerGroup(Part):
    """Layers that repeat: one layer's sublayers, or a pattern of groups."""

    repeat: Positive = 1
    """How many times in a row."""
    sublayers: Annotated[list[AnySublayer], Field(min_length=1)] | None = None
    """The sublayers of one layer in the order of computation."""
    groups: Annotated[list["LayerGroup"], Field(min_length=1)] | None = None
    """A pattern of several layers."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.sublayers is None) == (self.groups is None):
            raise ValueError("a layer group has either `sublayers` (one layer) or `groups` (a pattern)")
        for number, sublayer in enumerate(self.sublayers or [], start=1):
            if sublayer.input_of is not None and sublayer.input_of >= number:
                raise ValueError(f"`input_of` of sublayer {number} is {sublayer.input_of}: it must name an earlier one")
        return self

    @property
    def n_layers(self) -> int:
        """Number of layers, repeats counted."""
        return self.repeat * (1 if self.sublayers is not None else sum(group.n_layers for group in self.groups or []))

    @property
    def n_sublayers(self) -> int:
        """Number of sublayers, repeats counted."""
        return self.repeat * (len(self.sublayers or ()) + sum(group.n_sublayers for group in self.groups or ()))

    def layers(self) -> Iterator[list[AnySublayer]]:
        """Every layer's sublayers, repeats written out, from the input up."""
        for _ in range(self.repeat):
            if self.sublayers is not None:
                yield self.sublayers
            for group in self.groups or []:
                yield from group.layers()


class Stack(Part):
    """An encoder or decoder."""

    order: Literal["known", "unknown"] = "known"
    """`unknown` where the source gives counts of layers but not their places."""
    groups: Annotated[list["LayerGroup"], Field(min_length=1)]
    """Layer groups from the input up."""

    @model_validator(mode="after")
    def _can_be_written_out(self) -> Self:
        if self.n_layers > MAX_LAYERS:
            raise ValueError(f"{self.n_layers:,} layers; fix the `repeat`s, at most {MAX_LAYERS:,} can be written out")
        if self.n_sublayers > MAX_SUBLAYERS:
            raise ValueError(f"{self.n_sublayers:,} sublayers; at most {MAX_SUBLAYERS:,} can be written out")
        return self

    def layers(self) -> Iterator[list[AnySublayer]]:
        """Every layer's sublayers, from the input up (in any order where the order is unknown)."""
        for group in self.groups:
            yield from group.layers()

    @property
    def n_layers(self) -> int:
        """Number of layers."""
        return sum(group.n_layers for group in self.groups)

    @property
    def n_sublayers(self) -> int:
        """Number of sublayers."""
        return sum(group.n_sublayers for group in self.groups)

    @property
    def n_moe_layers(self) -> int:
        """Number of layers that hold a mixture-of-experts feed-forward network."""
        return sum(any(isinstance(part, Mixture) for part in layer) for layer in self.layers())


class Architecture(Citation):
    """What one source says a configuration is built of."""

    status: Status = "reported"
    """`derived` where the source's fields had to be interpreted with the model's code."""
    interpretation: list[Citation] = Field(default_factory=list)
    """Sources used to interpret the configuration's fields."""
    d_model: Positive | None = None
    """Width of the residual stream."""
    vocab_size: Positive | None = None
    """Entries of the embedding."""
    tied_embeddings: bool | None = None
    """Whether input and output embeddings are one tensor."""
    context_length: Positive | None = None
    """Positions the configuration allows."""
    norm: Literal["rms", "layer", "layer-without-bias"] | None = None
    """Normalisation."""
    n_mtp_layers: Count | None = None
    """Multi-token-prediction layers beyond the stack."""
    weights: list[Weight] = Field(default_factory=list)
    """Tensors outside the layers that no other field stands for, such as position embeddings."""
    residual_streams: Positive | None = None
    """Parallel residual streams mixed by hyper-connections; one where unset."""
    checkpoint: Checkpoint | None = None
    """How the released file keeps its weights."""
    encoder: Stack | None = None
    """The encoder's stack."""
    decoder: Stack | None = None
    """The decoder's stack."""
    stack: Stack | None = None
    """All layers, where the source does not tell an encoder from a decoder."""
    note: Text | None = None
    """What the stacks cannot say."""

    @model_validator(mode="after")
    def _has_a_stack(self) -> Self:
        if not self.stacks:
            raise ValueError("an architecture has an `encoder`, a `decoder`, or a `stack` of unknown side")
        if self.stack is not None and len(self.stacks) > 1:
            raise ValueError("a `stack` of unknown side stands alone; remove it or `encoder` and `decoder`")
        return self

    @property
    def stacks(self) -> dict[str, Stack]:
        """Its stacks by the name of their field, encoder first."""
        named = {"encoder": self.encoder, "decoder": self.decoder, "stack": self.stack}
        return {name: stack for name, stack in named.items() if stack is not None}
