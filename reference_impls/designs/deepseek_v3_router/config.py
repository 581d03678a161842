"""Settings of DeepSeek-V3's sigmoid routing with selection bias."""

from typing import Any, ClassVar, Self

from pydantic import model_validator

from reference_impls.config import FieldPairs, SharedExpertsConfig, TaskDefaults, expert_count, loss_weight, setting


class DeepSeekV3Config(SharedExpertsConfig):
    """DeepSeek-V3 layers: small SwiGLU experts in groups, and a shared one."""

    multiples: ClassVar[FieldPairs] = {"n_experts": "n_groups"}
    at_most: ClassVar[FieldPairs] = {"top_groups": "n_groups"}
    task_defaults: ClassVar[TaskDefaults] = {"clusters": {"d_expert": 6, "experts_per_token": 2}}

    # Many small experts: the three chosen and the shared one are as wide as Mixtral's two here.
    n_experts: int = expert_count(16, "Routed experts in each MoE layer; a multiple of n_groups.")
    experts_per_token: int = setting(
        3, "Routed experts of each token; at most those of the groups that it may use.", ge=1, le=256
    )
    n_groups: int = setting(
        4, "Groups that the routed experts are divided into, of two or more each (1: no limit by groups).", ge=1, le=128
    )
    top_groups: int = setting(2, "Groups that a token may use; at most n_groups.", ge=1, le=128)
    routed_scale: float = setting(2.5, "What the weights of a token's routed experts add up to.", gt=0, le=100)
    bias_update_speed: float = setting(
        0.01, "Change of an expert's selection bias after each step (0: no balancing by bias).", ge=0, le=1
    )
    balance_coefficient: float = loss_weight(
        0.0001, "the balancing loss of each layer, which is taken sequence by sequence"
    )

    @classmethod
    def with_experts(cls, n_experts: int, **fields: Any) -> Self:
        """Two groups where the experts can be halved, otherwise no groups."""
        groups = 2 if n_experts % 2 == 0 and n_experts >= 4 else 1
        k = min(3, n_experts // groups)
        bounds = {"n_groups": groups, "top_groups": 1, "experts_per_token": k}
        return super().with_experts(n_experts, **(bounds | fields))

    @model_validator(mode="after")
    def _groups_divide_experts(self) -> Self:
        size = self.n_experts // self.n_groups
        if self.n_groups > 1 and size < 2:
            raise ValueError(
                f"n_groups = {self.n_groups} must be at most n_experts / 2 = {self.n_experts / 2:g}, "
                "since a group is judged by its two best experts"
            )
        if self.experts_per_token > self.top_groups * size:
            raise ValueError(
                f"experts_per_token = {self.experts_per_token} must be at most {self.top_groups * size}, "
                f"the experts of top_groups = {self.top_groups} groups of {size}"
            )
        return self


LAYER = DeepSeekV3Config
