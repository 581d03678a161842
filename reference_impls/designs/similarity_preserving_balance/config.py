"""Settings of the similarity-preserving router, SimBal."""

from typing import ClassVar

from reference_impls.config import TaskDefaults, TopKConfig, loss_weight


class SimBalConfig(TopKConfig):
    """Top-k routing whose router matrix is kept close to orthonormal, with no other balancing loss."""

    task_defaults: ClassVar[TaskDefaults] = {"clusters": {"experts_per_token": 1}}

    orthonormality_coefficient: float = loss_weight(
        0.1, "the router's distance from an orthonormal matrix (0: nothing balances)"
    )
    z_coefficient: float = loss_weight(1e-5, "the router z-loss of each layer (0: none)")


LAYER = SimBalConfig
