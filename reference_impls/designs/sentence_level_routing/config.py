"""Settings of sentence-level routing."""

from typing import ClassVar

from reference_impls.config import TaskDefaults, TopKConfig, loss_weight


class SentenceLevelConfig(TopKConfig):
    """Layers that route whole sequences by their average."""

    task_defaults: ClassVar[TaskDefaults] = {
        # All points of a sequence share a cluster: otherwise the average says nothing.
        "clusters": {"cluster_unit": "sequence"}
    }

    balance_coefficient: float = loss_weight(0.01, "the load-balancing loss of each layer, which counts sequences")


LAYER = SentenceLevelConfig
