"""Settings of dense training with sparse inference (`gating/ds_moe.py`)."""

from typing import ClassVar

from reference_impls.configs.base import TaskDefaults, TopKConfig, loss_weight, setting
from reference_impls.entry import Entry


class DSMoEConfig(TopKConfig):
    """All experts in training, the best few outside it."""

    experts_per_token: int = setting(
        2, "Experts of each token outside training; in training it passes through all.", ge=1, le=256
    )
    information_coefficient: float = loss_weight(0.1, "the mutual-information loss of each layer")
    task_defaults: ClassVar[TaskDefaults] = {
        "clusters": {"learning_rate": 3e-2, "information_coefficient": 0.3},
    }

    @property
    def trained_experts(self) -> float:
        """All."""
        return self.n_experts


ENTRIES = (
    Entry(
        key="ds-moe",
        name="DS-MoE",
        summary="Every token trains all experts; outside training it keeps the few that the gate weighs most.",
        family="dense",
        year=2024,
        designs=("dense-training-sparse-inference",),
        papers=("ds-moe",),
        causal="yes",
        oracle="scipy: entropies of the mutual-information loss; a float64 loop for both modes",
        deviations=(
            "ordinary attention instead of attention experts",
            "outside training a fixed number of experts, whose weights are not scaled up to one",
            "one coefficient, this project's; the paper weighs the loss by kind of layer and size of model",
            "the mean distribution is taken over the tokens of a batch",
        ),
        config_class=DSMoEConfig,
        gating="ds_moe",
        beyond="all experts in training",
    ),
)
