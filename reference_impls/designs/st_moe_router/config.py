"""Settings of ST-MoE's stabilised top-2 routing."""

from typing import ClassVar

from reference_impls.config import ExpertKind, expert_width, loss_weight, setting
from reference_impls.designs.gshard_top2.config import GShardTop2Config


class STMoEConfig(GShardTop2Config):
    """ST-MoE layers: top-2 with a capacity and a random second expert, gated experts, and a loss on large logits."""

    expert_kind: ClassVar[ExpertKind] = "swiglu"

    d_expert: int = expert_width(128)
    capacity_factor_train: float = setting(
        1.25,
        "In training an expert takes at most ceil(factor * tokens / n_experts) assignments a group, "
        "first and second choices together.",
        gt=0,
        le=256,
    )
    balance_coefficient: float = loss_weight(0.01, "the load-balancing loss of each ST-MoE layer")
    z_coefficient: float = loss_weight(0.001, "the router z-loss of each ST-MoE layer, which keeps the logits small")
    initial_scale: float = setting(
        0.1, "Scale s of an ST-MoE layer's initial weights: standard deviation sqrt(s / inputs).", gt=0, le=10
    )


LAYER = STMoEConfig
