"""Settings of Mixtral's dropless top-k routing (`gating/mixtral.py`)."""

from typing import Literal, Self

from pydantic import Field, model_validator

from reference_impls.configs.base import TextConfig


class MixtralTop2Config(TextConfig):
    """A byte-level language model with Mixtral layers: k SwiGLU experts a token, none dropped."""

    # Narrower than Switch's: a token meets two experts of three matrices instead of one of two.
    d_expert: int = Field(
        default=128,
        ge=4,
        le=16_384,
        description="Hidden width of an expert.",
        json_schema_extra={"group": "model"},
    )
    experts_per_token: int = Field(
        default=2,
        ge=1,
        le=256,
        description="Experts that each token passes through; at most n_experts.",
        json_schema_extra={"group": "routing"},
    )
    balance_coefficient: float = Field(
        default=0.02,
        ge=0,
        le=10,
        description="Weight of the load-balancing loss of each layer.",
        json_schema_extra={"group": "routing"},
    )
    balance_convention: Literal["per-token", "per-assignment", "first-choice"] = Field(
        default="per-token",
        description="How the balancing loss counts: its value under perfect balance is experts_per_token "
        "(per-token) or 1 (per-assignment, first-choice).",
        json_schema_extra={"group": "routing"},
    )

    @property
    def active_experts(self) -> int:
        """The k of top-k."""
        return self.experts_per_token

    @property
    def expert_matrices(self) -> int:
        """Gate, up and down of SwiGLU."""
        return 3

    @model_validator(mode="after")
    def _choose_at_most_all(self) -> Self:
        if self.experts_per_token > self.n_experts:
            raise ValueError(
                f"experts_per_token = {self.experts_per_token} must be at most n_experts = {self.n_experts}"
            )
        return self
