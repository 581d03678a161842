"""Settings of the Switch Transformer's top-1 routing."""

from collections.abc import Mapping
from typing import Any, ClassVar

from reference_impls.config import CapacityConfig, TopOneConfig, expert_width, loss_weight, setting


class SwitchTop1Config(TopOneConfig, CapacityConfig):
    """Every other layer a Switch layer: one ReLU expert a token, with a capacity."""

    expert_kind = "relu"

    d_expert: int = expert_width(256)
    run_defaults: ClassVar[Mapping[str, Any]] = {"moe_every": 2}
    balance_coefficient: float = loss_weight(0.01, "the load-balancing loss of each Switch layer")
    z_coefficient: float = loss_weight(0.0, "the router z-loss of each Switch layer (0: none)")
    jitter: float = setting(
        0.01, "In training the router's input is multiplied by noise in [1 - jitter, 1 + jitter].", ge=0, lt=1
    )
    initial_scale: float = setting(
        0.1, "Scale s of a Switch layer's initial weights: standard deviation sqrt(s / inputs).", gt=0, le=10
    )


LAYER = SwitchTop1Config
