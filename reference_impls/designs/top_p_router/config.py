"""Settings of top-p routing."""

import math
from typing import ClassVar

from reference_impls.config import LayerConfig, TaskDefaults, expert_width, loss_weight, setting


class TopPConfig(LayerConfig):
    """As many experts as it takes for their probabilities to pass a threshold."""

    d_expert: int = expert_width(64)
    threshold: float = setting(
        0.4, "A token takes experts in order of probability until the sum is greater than this.", gt=0, lt=1
    )
    balance_coefficient: float = loss_weight(0.01, "the load-balancing loss of each layer")
    dynamic_coefficient: float = loss_weight(0.001, "each layer's mean entropy: more, and tokens take fewer experts")
    task_defaults: ClassVar[TaskDefaults] = {
        # Every point belongs to one cluster: a lower threshold leaves fewer experts to be counted as active.
        "clusters": {"threshold": 0.3, "balance_coefficient": 0.1}
    }

    @property
    def active_experts(self) -> float:
        """The most that a token can take: the r best of N have at least r / N of the probability."""
        return min(math.floor(self.threshold * self.n_experts + 1e-9) + 1, self.n_experts)


LAYER = TopPConfig
