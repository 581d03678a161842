"""Settings of MaxScore routing."""

from typing import Literal

from reference_impls.config import TextOrDigitsConfig, TopKConfig, loss_weight, setting


class MaxScoreConfig(TextOrDigitsConfig, TopKConfig):
    """k experts a token by a minimum-cost maximum flow."""

    routing_group: Literal["sequence", "batch"] = setting(
        "sequence", "Tokens that share the experts' places: each sequence alone, or the whole batch."
    )
    second_weight_start: float = setting(
        4.0,
        "What the weights of a token's second and further experts are multiplied by at the start of training.",
        ge=1,
        le=100,
    )
    second_weight_steps: int = setting(
        120, "Steps over which that factor falls in a straight line to 1.", unit="steps", ge=1, le=1_000_000
    )
    balance_coefficient: float = loss_weight(0.01, "the load-balancing loss of each layer, on first choices")


LAYER = MaxScoreConfig
