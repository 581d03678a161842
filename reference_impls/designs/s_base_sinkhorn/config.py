"""Settings of S-BASE."""

from typing import Literal

from reference_impls.config import TopOneConfig, expert_width, setting


class SBaseConfig(TopOneConfig):
    """One expert a token, by an optimal transport plan in training and by the best logit outside."""

    d_expert: int = expert_width(256)
    epsilon: float = setting(
        1.0,
        "Weight of the plan's entropy: towards 0 the plan becomes the balanced assignment of BASE and takes more steps "
        "to find.",
        ge=0.01,
        le=100,
    )
    sinkhorn_steps: int = setting(20, "Scalings of rows and columns.", unit="steps", ge=1, le=10_000)
    routing_group: Literal["sequence", "batch"] = setting(
        "sequence", "Tokens that share a plan: each sequence alone, or the whole batch."
    )


LAYER = SBaseConfig
