"""Settings of Mixtral's dropless top-k routing."""

from typing import Literal

from reference_impls.config import TopKConfig, loss_weight, setting


class MixtralTop2Config(TopKConfig):
    """Mixtral layers: k SwiGLU experts a token, none dropped."""

    balance_coefficient: float = loss_weight(0.02, "the load-balancing loss of each layer")
    balance_convention: Literal["per-token", "per-assignment", "first-choice"] = setting(
        "per-token",
        "How the balancing loss counts: its value under perfect balance is experts_per_token "
        "(per-token) or 1 (per-assignment, first-choice).",
    )


LAYER = MixtralTop2Config
