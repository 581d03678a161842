"""Settings of the Switch Transformer's top-1 routing (`gating/switch.py`)."""

from typing import Literal, Self

from pydantic import Field, model_validator

from reference_impls.configs.base import TextConfig


class SwitchTop1Config(TextConfig):
    """A byte-level language model with Switch layers: one ReLU expert a token, with a capacity."""

    moe_every: int = Field(
        default=2,
        ge=1,
        le=48,
        description="Every how many layers the feed-forward is a Switch layer (2: layers 1, 3, ... from 0).",
        json_schema_extra={"group": "routing"},
    )
    capacity_factor_train: float = Field(
        default=1.25,
        gt=0,
        le=256,
        description="In training an expert takes at most ceil(factor * tokens / n_experts) tokens a group.",
        json_schema_extra={"group": "routing"},
    )
    capacity_factor_eval: float = Field(
        default=2.0,
        gt=0,
        le=256,
        description="The same factor outside training.",
        json_schema_extra={"group": "routing"},
    )
    routing_group: Literal["sequence", "batch"] = Field(
        default="sequence",
        description="Tokens that share capacity and balance: each sequence alone, or the whole batch.",
        json_schema_extra={"group": "routing"},
    )
    balance_coefficient: float = Field(
        default=0.01,
        ge=0,
        le=10,
        description="Weight of the load-balancing loss of each Switch layer.",
        json_schema_extra={"group": "routing"},
    )
    z_coefficient: float = Field(
        default=0.0,
        ge=0,
        le=10,
        description="Weight of the router z-loss of each Switch layer (0: none).",
        json_schema_extra={"group": "routing"},
    )
    jitter: float = Field(
        default=0.01,
        ge=0,
        lt=1,
        description="In training the router's input is multiplied by noise in [1 - jitter, 1 + jitter].",
        json_schema_extra={"group": "routing"},
    )
    initial_scale: float = Field(
        default=0.1,
        gt=0,
        le=10,
        description="Scale s of a Switch layer's initial weights: standard deviation sqrt(s / inputs).",
        json_schema_extra={"group": "routing"},
    )

    @property
    def active_experts(self) -> int:
        """One expert a token: the design's point."""
        return 1

    @property
    def expert_matrices(self) -> int:
        """Up and down."""
        return 2

    def is_moe_layer(self, layer: int) -> bool:
        """The last layer of each group of `moe_every` has experts."""
        return layer % self.moe_every == self.moe_every - 1

    @model_validator(mode="after")
    def _at_least_one_switch_layer(self) -> Self:
        if self.moe_every > self.n_layers:
            raise ValueError(
                f"moe_every = {self.moe_every} must be at most n_layers = {self.n_layers}, "
                "or the model has no Switch layer"
            )
        return self
