"""Settings of GShard's top-2 routing with a random second expert (`gating/gshard.py`)."""

from typing import Literal, Self

from pydantic import Field, model_validator

from reference_impls.configs.base import TextConfig


class GShardTop2Config(TextConfig):
    """A byte-level language model with GShard layers: two ReLU experts a token, with a capacity."""

    moe_every: int = Field(
        default=2,
        ge=1,
        le=48,
        description="Every how many layers the feed-forward is a GShard layer (2: layers 1, 3, ... from 0).",
        json_schema_extra={"group": "routing"},
    )
    second_policy_train: Literal["random", "always"] = Field(
        default="random",
        description="In training the second expert is used with a probability that grows with its weight, or always.",
        json_schema_extra={"group": "routing"},
    )
    second_policy_eval: Literal["random", "always"] = Field(
        default="always",
        description="The same choice outside training, where chance makes the output differ between calls.",
        json_schema_extra={"group": "routing"},
    )
    second_threshold: float = Field(
        default=0.2,
        gt=0,
        le=1,
        description="Weight of the second expert from which it is always used; below, the probability is "
        "weight / threshold.",
        json_schema_extra={"group": "routing"},
    )
    capacity_factor_train: float = Field(
        default=2.0,
        gt=0,
        le=256,
        description="In training an expert takes at most ceil(factor * tokens / n_experts) assignments a group, "
        "first and second choices together.",
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
        description="Weight of the load-balancing loss of each GShard layer.",
        json_schema_extra={"group": "routing"},
    )

    @property
    def active_experts(self) -> int:
        """Two, where there are two; random seconds and drops make it fewer."""
        return min(2, self.n_experts)

    @property
    def expert_matrices(self) -> int:
        """Up and down."""
        return 2

    def is_moe_layer(self, layer: int) -> bool:
        """The last layer of each group of `moe_every` has experts."""
        return layer % self.moe_every == self.moe_every - 1

    @model_validator(mode="after")
    def _at_least_one_gshard_layer(self) -> Self:
        if self.moe_every > self.n_layers:
            raise ValueError(
                f"moe_every = {self.moe_every} must be at most n_layers = {self.n_layers}, "
                "or the model has no GShard layer"
            )
        return self
