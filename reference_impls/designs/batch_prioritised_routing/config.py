"""Settings of V-MoE's batch prioritised routing."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from reference_impls.config import (
    CapacityConfig,
    TaskDefaults,
    TaskName,
    TopKConfig,
    expert_width,
    loss_weight,
    setting,
)


class VMoEConfig(TopKConfig, CapacityConfig):
    """V-MoE layers: k experts a token, whose places go to the tokens of largest score."""

    expert_kind = "relu"
    task_defaults: ClassVar[TaskDefaults] = {"digits": {"moe_every": 2}}

    tasks: ClassVar[tuple[TaskName, ...]] = ("digits", "text", "clusters")
    d_expert: int = expert_width(192)
    run_defaults: ClassVar[Mapping[str, Any]] = {"moe_every": 2}
    priority: Literal["score", "position"] = setting(
        "score",
        "Who is served first where an expert has too few places: the tokens of largest score (batch prioritised "
        "routing), or the earlier ones.",
    )
    capacity_factor_train: float = setting(
        1.05,
        "In training an expert takes at most ceil(factor * experts_per_token * tokens / n_experts) assignments "
        "a group.",
        gt=0,
        le=256,
    )
    capacity_factor_eval: float = setting(1.05, "The same factor outside training.", gt=0, le=256)
    noise: float = setting(
        1.0, "In training the logits get Gaussian noise of deviation noise / n_experts (0: none).", ge=0, le=100
    )
    importance_coefficient: float = loss_weight(
        0.005, "the loss on uneven sums of probabilities of the experts, in each V-MoE layer"
    )
    load_coefficient: float = loss_weight(
        0.005, "the loss on uneven expected numbers of tokens of the experts, in each V-MoE layer"
    )


LAYER = VMoEConfig
