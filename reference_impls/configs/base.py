"""The settings that every implementation on the `text` task shares, and how a wrong one is reported.

The same class makes the form in an app, the flags of the command line and the check at launch, so each
field carries its bounds, its default, a description and, where it has one, its unit.
"""

import difflib
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator


class ConfigError(ValueError):
    """A config out of bounds; the message is one line that names each field, its bound and the mend."""


class TextConfig(BaseModel):
    """Model, data and optimiser of a byte-level language model with a mixture-of-experts layer."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    steps: int = Field(
        default=480,
        ge=1,
        le=100_000,
        description="Optimiser steps.",
        json_schema_extra={"group": "batches and optimiser", "unit": "steps"},
    )
    batch_size: int = Field(
        default=8,
        ge=1,
        le=512,
        description="Sequences in a batch.",
        json_schema_extra={"group": "batches and optimiser", "unit": "sequences"},
    )
    sequence_length: int = Field(
        default=256,
        ge=8,
        le=2048,
        description="Bytes that the model predicts in each sequence.",
        json_schema_extra={"group": "batches and optimiser", "unit": "bytes"},
    )
    d_model: int = Field(
        default=128,
        ge=8,
        le=2048,
        description="Width of the residual stream; a multiple of 2 * n_heads.",
        json_schema_extra={"group": "model"},
    )
    n_layers: int = Field(
        default=4, ge=1, le=48, description="Transformer layers.", json_schema_extra={"group": "model"}
    )
    n_heads: int = Field(
        default=4,
        ge=1,
        le=64,
        description="Attention heads in each layer.",
        json_schema_extra={"group": "model"},
    )
    n_experts: int = Field(
        default=8,
        ge=1,
        le=256,
        description="Experts in each mixture-of-experts layer.",
        json_schema_extra={"group": "model"},
    )
    d_expert: int = Field(
        default=256,
        ge=4,
        le=16_384,
        description="Hidden width of an expert, and of a dense feed-forward.",
        json_schema_extra={"group": "model"},
    )
    learning_rate: float = Field(
        default=3e-3,
        gt=0,
        le=1,
        description="Peak learning rate of AdamW, reached after the warm-up.",
        json_schema_extra={"group": "batches and optimiser"},
    )
    warmup_steps: int = Field(
        default=40,
        ge=0,
        le=10_000,
        description="Steps of linear warm-up, at most all; then the rate falls along a cosine to a tenth.",
        json_schema_extra={"group": "batches and optimiser", "unit": "steps"},
    )
    weight_decay: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Decay of the weight matrices in AdamW.",
        json_schema_extra={"group": "batches and optimiser"},
    )
    gradient_clip: float = Field(
        default=1.0,
        gt=0,
        le=1000,
        description="Largest norm of the gradient of all parameters together.",
        json_schema_extra={"group": "batches and optimiser"},
    )
    domain_bytes: int = Field(
        default=2_000_000,
        ge=20_000,
        le=50_000_000,
        description="Most bytes taken from each domain of the text (prose, code, tests, data).",
        json_schema_extra={"group": "run", "unit": "bytes"},
    )
    validation_every: int = Field(
        default=120,
        ge=1,
        le=100_000,
        description="Steps between validations; the last step is always validated.",
        json_schema_extra={"group": "run", "unit": "steps"},
    )
    validation_sequences: int = Field(
        default=64,
        ge=4,
        le=4096,
        description="Held-out sequences scored at each validation, spread evenly over the domains.",
        json_schema_extra={"group": "run", "unit": "sequences"},
    )
    seed: int = Field(
        default=0,
        ge=0,
        le=2**31 - 1,
        description="Seed of weights, batches and noise.",
        json_schema_extra={"group": "run"},
    )
    threads: int = Field(
        default=2,
        ge=1,
        le=128,
        description="CPU threads that torch uses; results may differ in the last digits between counts.",
        json_schema_extra={"group": "run", "unit": "threads"},
    )
    save_checkpoint: bool = Field(
        default=False,
        description="Write checkpoint.pt into the run directory at each validation and at the end.",
        json_schema_extra={"group": "run"},
    )

    @property
    @abstractmethod
    def active_experts(self) -> int:
        """Routed experts that one token passes through in a mixture-of-experts layer."""

    @property
    def always_active_experts(self) -> int:
        """Shared experts beside them, which every token passes through."""
        return 0

    @property
    @abstractmethod
    def expert_matrices(self) -> int:
        """Weight matrices of size d_model x d_expert in one expert (2 for ReLU, 3 for SwiGLU)."""

    def is_moe_layer(self, layer: int) -> bool:
        """Whether layer `layer` (from 0) has experts instead of a dense feed-forward."""
        return True

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.d_model % (2 * self.n_heads):
            raise ValueError(
                f"d_model = {self.d_model} must be a multiple of 2 * n_heads = {2 * self.n_heads} "
                "(each head rotates pairs of coordinates)"
            )
        return self


Config = TypeVar("Config", bound=BaseModel)


def check_config(config_class: type[Config], values: Mapping[str, Any]) -> Config:
    """Build a config from plain values, strictly typed ("8" is not 8).

    Raises:
        ConfigError: naming every wrong field, its bound and its default, in one line.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"the config must be an object of fields and values, not {type(values).__name__}")
    try:
        return config_class.model_validate(dict(values), strict=True)
    except ValidationError as error:
        raise ConfigError("; ".join(_describe(config_class, item) for item in error.errors())) from None


def _describe(config_class: type[BaseModel], item: Any) -> str:
    field = ".".join(str(part) for part in item["loc"])
    if not field:  # A check across fields words its own message.
        return str(item["msg"]).removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(field, config_class.model_fields, n=1)
        hint = f"did you mean {near[0]}?" if near else "known: " + ", ".join(config_class.model_fields)
        return f"{field} is not a field of this config ({hint})"
    rule = str(item["msg"])
    rule = rule[0].lower() + rule[1:]
    default = config_class.model_fields[item["loc"][0]].default
    shown = repr(item["input"])
    shown = shown if len(shown) <= 40 else shown[:37] + "..."
    return f"{field} = {shown}: {rule} (default {default!r})"
