"""Settings of an expert made by a hypernetwork, HyperMoE."""

from typing import ClassVar

from reference_impls.config import TaskDefaults, TopKConfig, loss_weight, setting


class HyperMoEConfig(TopKConfig):
    """Top-k routing, and for each token a small expert made from what it says of the experts not chosen."""

    task_defaults: ClassVar[TaskDefaults] = {"clusters": {"hyper_width": 1, "hyper_hidden": 4, "embedding_width": 8}}

    hyper_width: int = setting(
        8, "Hidden width of the expert that the hypernetwork makes.", group="model", ge=1, le=1024
    )
    hyper_hidden: int = setting(32, "Hidden width of the hypernetwork.", group="model", ge=1, le=4096)
    embedding_width: int = setting(
        16, "Width of the experts' embeddings, and of what is made of their sum.", group="model", ge=1, le=1024
    )
    balance_coefficient: float = loss_weight(0.01, "the load-balancing loss of each layer")

    @property
    def hyper_outputs(self) -> int:
        """Numbers that describe a made expert: two matrices and two biases."""
        return 2 * self.d_model * self.hyper_width + self.hyper_width + self.d_model


LAYER = HyperMoEConfig
