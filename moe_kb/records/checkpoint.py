"""How a released checkpoint keeps its weights: which matrices in which number format, and the rest in one type."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from moe_kb.records.base import Line, Part

Module = Literal[
    "embedding", "head", "query", "key-value", "attention-output", "attention-gate", "indexer", "compressor", "mixer",
    "experts", "shared", "dense", "latent", "router",
]  # fmt: skip
"""Groups of weight matrices. `mixer`: those of a state-space, linear or convolutional mixer; `latent`: the
projections into and out of the width that routed experts work in."""
MODULES: tuple[Module, ...] = get_args(Module)
Dtype = Literal["fp32", "bf16", "fp16"]
Side = Annotated[int, Field(ge=0, le=10**12)]
Layer = Annotated[int, Field(ge=0, le=10_000)]


class StoredFormat(Part):
    """A number format and the matrices that are kept in it."""

    weight_type: Literal["fp", "int"]
    """Whether a weight is a floating-point number or an integer."""
    weight_bits: Annotated[int, Field(ge=1, le=64)]
    """Bits of a weight."""
    block_rows: Side = 0
    """Rows (outputs) of the weights that share a scale; 0: all of the matrix."""
    block_columns: Side = 0
    """Columns (inputs) of them; 0: all of the matrix."""
    block_bits: Annotated[int, Field(ge=0, le=1024)] = 0
    """Bits of a block's scale and zero point."""
    modules: Annotated[list[Module], Field(min_length=1)]
    """The matrices kept so."""
    layers: Annotated[list[Layer], Field(min_length=1)] | None = None
    """Numbers of the layers, from 0, where only some are kept so."""


class Checkpoint(Part):
    """How the released file keeps its weights, read from its `torch_dtype` and `quantization_config`."""

    dtype: Dtype | None = None
    """Type of all that no format names; none: the file does not say."""
    method: Line | None = None
    """The quantisation's name, as the file gives it."""
    formats: list[StoredFormat] = Field(default_factory=list)
    """Formats of the quantised matrices, the first that names a matrix holds; empty with a `method`: not understood."""
    note: Line | None = None
    """What of the quantisation was not understood."""
