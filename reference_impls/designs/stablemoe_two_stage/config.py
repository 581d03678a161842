"""Settings of StableMoE's two stages."""

from typing import ClassVar

from reference_impls.config import (
    CapacityConfig,
    TaskDefaults,
    TopOneConfig,
    VocabularyConfig,
    expert_width,
    loss_weight,
    setting,
    words_of_clusters,
)


class StableMoEConfig(TopOneConfig, CapacityConfig, VocabularyConfig):
    """StableMoE layers: one ReLU expert a token, in the end by what the token is, and never again another."""

    expert_kind = "relu"

    task_defaults: ClassVar[TaskDefaults] = {"clusters": {"d_expert": 16, "vocabulary": words_of_clusters}}

    d_expert: int = expert_width(384)
    capacity_factor_train: float = setting(
        2.0, "In training an expert takes at most ceil(factor * tokens / n_experts) tokens a group.", gt=0, le=256
    )
    routing_width: int = setting(50, "Width of the distilled gate's embedding of what a token is.", ge=1, le=1024)
    first_stage: float = setting(
        0.3, "Share of the steps in which the learned gate chooses and the distilled one learns.", ge=0, le=1
    )
    balance_coefficient: float = loss_weight(0.3, "the balancing loss of each layer in stage one")
    distillation_coefficient: float = loss_weight(
        0.3, "the loss by which the distilled gate learns from the other in stage one"
    )


LAYER = StableMoEConfig
