"""Settings of X-MoE's routing on a low-dimensional sphere."""

from typing import Literal

from reference_impls.config import CapacityConfig, TopOneConfig, expert_width, loss_weight, setting


class XMoEConfig(TopOneConfig, CapacityConfig):
    """X-MoE layers: one ReLU expert a token, chosen by the angle between short vectors."""

    expert_kind = "relu"

    d_expert: int = expert_width(384)
    d_router: int = setting(
        4, "Length of the vectors that are compared; the paper has half the number of experts.", ge=1, le=2048
    )
    gate: Literal["softmax", "sigmoid"] = setting(
        "softmax", "How the chosen expert's score becomes its weight: among all scores, or by itself."
    )
    initial_temperature: float = setting(
        0.3, "What scores are divided by in the gate at the start; learned from there.", ge=0.01, le=10
    )
    balance_temperature: float = setting(
        0.3, "What scores are divided by in the balancing loss; fixed.", ge=0.01, le=10
    )
    balance_coefficient: float = loss_weight(0.01, "the load-balancing loss of each layer")


LAYER = XMoEConfig
