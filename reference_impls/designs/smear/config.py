"""Settings of SMEAR."""

from typing import ClassVar

from reference_impls.configs.base import TaskDefaults, setting
from reference_impls.configs.digits import DigitsConfig


class MergingConfig(DigitsConfig):
    """Designs that average the experts' weights, once for each sequence: one expert is computed a token."""

    task_defaults: ClassVar[TaskDefaults] = {
        "digits": {"d_expert": 128},
        "clusters": {"cluster_unit": "sequence"},
    }

    @property
    def active_experts(self) -> float:
        """The merged one."""
        return 1


class SMEARConfig(MergingConfig):
    """SMEAR layers: one expert a sequence, averaged from all."""

    expert_dropout: float = setting(
        0.1, "Chance that an expert is left out of a sequence's average in training.", ge=0, lt=1
    )

    @property
    def router_parameters(self) -> int:
        """The router's matrix, and scale and shift of its norm."""
        return self.n_experts * self.d_model + 2 * self.d_model


CONFIG = SMEARConfig
