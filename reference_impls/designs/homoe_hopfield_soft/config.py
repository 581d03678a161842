"""Settings of HOMOE."""

from typing import ClassVar

from reference_impls.config import TaskDefaults, setting
from reference_impls.designs.soft_moe_slots.config import SoftMoEConfig


class HOMOEConfig(SoftMoEConfig):
    """Soft MoE layers that mix tokens joined with what a Hopfield memory retrieves for them."""

    task_defaults: ClassVar[TaskDefaults] = {
        # The memory counts as width of the dense layer: a small one, and more clusters than that can hold.
        "clusters": {"n_clusters": 24, "n_experts": 32, "n_prototypes": 8}
    }

    n_prototypes: int = setting(32, "Patterns that the memory of each layer holds.", ge=1, le=4096)
    inverse_temperature: float = setting(
        1.0, "How exactly the memory retrieves: 0 returns the mean of all patterns, much the nearest.", ge=0, le=1000
    )


LAYER = HOMOEConfig
