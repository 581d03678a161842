"""Settings of DeepSeek-V3's sigmoid routing with selection bias (`gating/deepseek_v3.py`)."""

from typing import Self

from pydantic import Field, model_validator

from reference_impls.configs.base import TextConfig


class DeepSeekV3Config(TextConfig):
    """A byte-level language model with DeepSeek-V3 layers: small SwiGLU experts in groups, and a shared one."""

    # Many small experts: the three chosen and the shared one are as wide as Mixtral's two here.
    n_experts: int = Field(
        default=16,
        ge=1,
        le=256,
        description="Routed experts in each mixture-of-experts layer; a multiple of n_groups.",
        json_schema_extra={"group": "model"},
    )
    d_expert: int = Field(
        default=64,
        ge=4,
        le=16_384,
        description="Hidden width of an expert.",
        json_schema_extra={"group": "model"},
    )
    shared_experts: int = Field(
        default=1,
        ge=0,
        le=64,
        description="Experts that every token passes through beside the routed ones, as one of their joint width.",
        json_schema_extra={"group": "model"},
    )
    experts_per_token: int = Field(
        default=3,
        ge=1,
        le=256,
        description="Routed experts of each token; at most those of the groups that it may use.",
        json_schema_extra={"group": "routing"},
    )
    n_groups: int = Field(
        default=4,
        ge=1,
        le=128,
        description="Groups that the routed experts are divided into, of two or more each (1: no limit by groups).",
        json_schema_extra={"group": "routing"},
    )
    top_groups: int = Field(
        default=2,
        ge=1,
        le=128,
        description="Groups that a token may use; at most n_groups.",
        json_schema_extra={"group": "routing"},
    )
    routed_scale: float = Field(
        default=2.5,
        gt=0,
        le=100,
        description="What the weights of a token's routed experts add up to.",
        json_schema_extra={"group": "routing"},
    )
    bias_update_speed: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Change of an expert's selection bias after each step (0: no balancing by bias).",
        json_schema_extra={"group": "routing"},
    )
    balance_coefficient: float = Field(
        default=0.0001,
        ge=0,
        le=10,
        description="Weight of the balancing loss of each layer, which is taken sequence by sequence.",
        json_schema_extra={"group": "routing"},
    )

    @property
    def active_experts(self) -> int:
        """The k of top-k."""
        return self.experts_per_token

    @property
    def always_active_experts(self) -> int:
        """The shared experts."""
        return self.shared_experts

    @property
    def expert_matrices(self) -> int:
        """Gate, up and down of SwiGLU."""
        return 3

    @model_validator(mode="after")
    def _groups_divide_experts(self) -> Self:
        size, rest = divmod(self.n_experts, self.n_groups)
        if rest:
            raise ValueError(f"n_experts = {self.n_experts} must be a multiple of n_groups = {self.n_groups}")
        if self.n_groups > 1 and size < 2:
            raise ValueError(
                f"n_groups = {self.n_groups} must be at most n_experts / 2 = {self.n_experts / 2:g}, "
                "since a group is judged by its two best experts"
            )
        if self.top_groups > self.n_groups:
            raise ValueError(f"top_groups = {self.top_groups} must be at most n_groups = {self.n_groups}")
        if self.experts_per_token > self.top_groups * size:
            raise ValueError(
                f"experts_per_token = {self.experts_per_token} must be at most {self.top_groups * size}, "
                f"the experts of top_groups = {self.top_groups} groups of {size}"
            )
        return self
