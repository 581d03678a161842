"""Settings of StableMoE's two stages."""

from typing import ClassVar

from reference_impls.configs.base import (
    WORDS_PER_CLUSTER,
    CapacityConfig,
    TaskDefaults,
    TopOneConfig,
    expert_width,
    loss_weight,
    setting,
)


class StableMoEConfig(TopOneConfig, CapacityConfig):
    """StableMoE layers: one ReLU expert a token, in the end by what the token is, and never again another."""

    expert_kind = "relu"

    task_defaults: ClassVar[TaskDefaults] = {
        "clusters": {"d_expert": 16},
    }

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

    @property
    def vocabulary(self) -> int:
        """What tokens can be: bytes, or the words of the clusters."""
        return WORDS_PER_CLUSTER * self.n_clusters if self.task == "clusters" else 256

    @property
    def router_parameters(self) -> int:
        """Two sets of centroids, and the embedding."""
        return self.n_experts * (self.d_model + self.routing_width) + self.vocabulary * self.routing_width

    @property
    def active_router_parameters(self) -> int:
        """A token reads one row of the embedding."""
        return self.router_parameters - (self.vocabulary - 1) * self.routing_width


CONFIG = StableMoEConfig
