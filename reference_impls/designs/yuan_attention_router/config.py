"""Settings of Yuan 2.0-M32's attention router."""

from typing import ClassVar

from reference_impls.config import TaskDefaults, TopKConfig, loss_weight


class YuanAttentionConfig(TopKConfig):
    """Yuan layers: k SwiGLU experts a token, their logits mixed by an attention over the experts."""

    task_defaults: ClassVar[TaskDefaults] = {
        # Logits are means, so that the two experts of a point weigh nearly alike: each cluster needs a pair.
        "clusters": {"n_experts": 16, "balance_coefficient": 0.1}
    }

    balance_coefficient: float = loss_weight(0.01, "the load-balancing loss of each layer")
    z_coefficient: float = loss_weight(0.0, "the router z-loss (0: none)")


LAYER = YuanAttentionConfig
