"""Settings of cost-aware routing: HMoE with a price."""

from reference_impls.config import expert_width, loss_weight, setting
from reference_impls.designs.heterogeneous_experts.config import HeterogeneousConfig


class CostAwareConfig(HeterogeneousConfig):
    """One expert of different widths a token, chosen by probability less a price for width."""

    d_expert: int = expert_width(256, "Hidden width of an expert on average, and of a dense feed-forward.")
    experts_per_token: int = setting(1, "Experts that each token passes through; at most n_experts.", ge=1, le=256)
    penalty_coefficient: float = loss_weight(
        0.01, "the parameter penalty of each layer: the load-balancing loss with loads in widths"
    )
    cost_weight: float = setting(
        0.05,
        "How much of an expert's width, in mean widths, is taken from its probability before experts are chosen.",
        ge=0,
        le=10,
    )


LAYER = CostAwareConfig
