"""Settings of SMEAR."""

from typing import ClassVar

from reference_impls.config import DigitsConfig, TaskDefaults, setting


class MergingConfig(DigitsConfig):
    """Designs that average the experts' weights, once for each sequence: one expert is computed a token."""

    task_defaults: ClassVar[TaskDefaults] = {"digits": {"d_expert": 128}, "clusters": {"cluster_unit": "sequence"}}

    @property
    def active_experts(self) -> float:
        """The merged one."""
        return 1


class SMEARConfig(MergingConfig):
    """SMEAR layers: one expert a sequence, averaged from all."""

    expert_dropout: float = setting(
        0.1, "Chance that an expert is left out of a sequence's average in training.", ge=0, lt=1
    )


LAYER = SMEARConfig
