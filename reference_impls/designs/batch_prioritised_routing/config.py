"""Settings of V-MoE's batch prioritised routing."""

from typing import ClassVar, Literal

from reference_impls.configs.base import (
    CapacityConfig,
    TaskDefaults,
    TopKConfig,
    expert_width,
    layer_step,
    loss_weight,
    setting,
)
from reference_impls.configs.digits import DIGITS_DEFAULTS


class VMoEConfig(TopKConfig, CapacityConfig):
    """V-MoE layers: k experts a token, whose places go to the tokens of largest score."""

    expert_kind = "relu"
    task_defaults: ClassVar[TaskDefaults] = {
        "digits": {**DIGITS_DEFAULTS, "moe_every": 2},
    }

    task: Literal["digits", "text", "clusters"] = setting(  # type: ignore[assignment]
        "digits",
        "What is learnt: which digit an image of 16 patches shows, the next byte of text (which the design can read "
        "ahead where it drops), or the label of points that come in clusters, each with a rule of its own.",
        group="run",
    )
    d_expert: int = expert_width(192)
    moe_every: int = layer_step(2)
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


CONFIG = VMoEConfig
