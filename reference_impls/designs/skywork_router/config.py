"""Settings of Skywork-MoE's normalised gate and adaptive balancing."""

from typing import ClassVar

from reference_impls.config import CapacityConfig, TaskDefaults, TopKConfig, loss_weight, setting


class SkyworkConfig(TopKConfig, CapacityConfig):
    """Skywork-MoE layers: logits standardised over the experts, a balancing coefficient that follows the drops."""

    task_defaults: ClassVar[TaskDefaults] = {
        # The paper finds scales of 1 and 2 alike; the sharper one keeps a point's second expert small.
        "clusters": {"logit_scale": 2.0}
    }

    capacity_factor_train: float = setting(
        2.0,
        "In training an expert takes at most ceil(factor * tokens / n_experts) assignments a group, all choices "
        "together.",
        gt=0,
        le=256,
    )
    capacity_factor_eval: float = setting(4.0, "The same factor outside training.", gt=0, le=256)
    logit_scale: float = setting(1.0, "Standard deviation of a token's logits over the experts.", gt=0, le=100)
    balance_coefficient: float = loss_weight(
        0.01, "the balancing loss in the first step, from which each layer's own adapts"
    )
    drop_sensitivity: float = setting(
        0.2, "Balancing coefficient that a layer is drawn to, for each unit of its dropped share.", ge=0, le=100
    )
    largest_coefficient: float = setting(0.01, "Bound of the coefficient that a layer is drawn to.", ge=0, le=10)
    coefficient_memory: float = setting(
        0.99, "Weight of the coefficient so far in its moving average, step by step (1: it stays).", ge=0, le=1
    )


LAYER = SkyworkConfig
