"""Settings of BASE layers."""

from typing import Literal

from reference_impls.config import TopOneConfig, expert_width, setting


class BaseLayersConfig(TopOneConfig):
    """One expert a token, by a balanced assignment in training and by the best affinity outside."""

    d_expert: int = expert_width(256)
    routing_group: Literal["sequence", "batch"] = setting(
        "sequence", "Tokens that are assigned together: each sequence alone, or the whole batch."
    )


LAYER = BaseLayersConfig
