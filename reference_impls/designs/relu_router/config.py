"""Settings of ReLU routing."""

from reference_impls.config import TopKConfig, setting


class ReMoEConfig(TopKConfig):
    """Experts whose logit is positive, their number steered by a penalty that adapts."""

    experts_per_token: int = setting(
        2, "Experts of a token on average over tokens and layers, which the penalty steers to.", ge=1, le=256
    )
    initial_penalty: float = setting(1e-8, "Coefficient of the sparsity loss before the first step.", gt=0, le=10)
    penalty_growth: float = setting(
        1.2, "What the coefficient is multiplied or divided by after each step.", gt=1, le=10
    )
    balance: bool = setting(
        True, "Whether the sparsity loss weighs experts by their load, so that it evens the load as well."
    )
    router_scale: float = setting(0.02, "Standard deviation of the router's initial weights.", gt=0, le=1)


LAYER = ReMoEConfig
