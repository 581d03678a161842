"""Settings of the router learned by reinforcement."""

from reference_impls.config import TopOneConfig, expert_width, loss_weight, setting


class ReinforceConfig(TopOneConfig):
    """One expert a token, drawn from a policy in training."""

    d_expert: int = expert_width(256)
    policy_coefficient: float = setting(1.0, "Weight of the policy's loss.", ge=0, le=1000)
    balance_coefficient: float = loss_weight(0.01, "the load-balancing loss of each layer")


LAYER = ReinforceConfig
