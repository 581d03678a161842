"""Settings of dense training with sparse inference."""

from typing import ClassVar

from reference_impls.config import TaskDefaults, TopKConfig, loss_weight, setting


class DSMoEConfig(TopKConfig):
    """All experts in training, the best few outside it."""

    experts_per_token: int = setting(
        2, "Experts of each token outside training; in training it passes through all.", ge=1, le=256
    )
    information_coefficient: float = loss_weight(0.1, "the mutual-information loss of each layer")
    task_defaults: ClassVar[TaskDefaults] = {"clusters": {"learning_rate": 3e-2, "information_coefficient": 0.3}}

    @property
    def trained_experts(self) -> float:
        """All."""
        return self.n_experts


LAYER = DSMoEConfig
