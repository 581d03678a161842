"""Settings of GShard's top-2 routing with a random second expert."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from reference_impls.config import CapacityConfig, ExpertKind, expert_width, loss_weight, setting


class GShardTop2Config(CapacityConfig):
    """Every other layer a GShard layer: two ReLU experts a token, with a capacity."""

    expert_kind: ClassVar[ExpertKind] = "relu"

    d_expert: int = expert_width(256)
    run_defaults: ClassVar[Mapping[str, Any]] = {"moe_every": 2}
    second_policy_train: Literal["random", "always"] = setting(
        "random", "In training the second expert is used with a probability that grows with its weight, or always."
    )
    second_policy_eval: Literal["random", "always"] = setting(
        "always", "The same choice outside training, where chance makes the output differ between calls."
    )
    second_threshold: float = setting(
        0.2,
        "Weight of the second expert from which it is always used; below, the probability is weight / threshold.",
        gt=0,
        le=1,
    )
    capacity_factor_train: float = setting(
        2.0,
        "In training an expert takes at most ceil(factor * tokens / n_experts) assignments a group, "
        "first and second choices together.",
        gt=0,
        le=256,
    )
    balance_coefficient: float = loss_weight(0.01, "the load-balancing loss of each GShard layer")

    @property
    def active_experts(self) -> float:
        """Two, where there are two; random seconds and drops make it fewer."""
        return min(2, self.n_experts)


LAYER = GShardTop2Config
