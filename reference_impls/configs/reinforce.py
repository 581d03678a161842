"""Settings of the router learned by reinforcement (`gating/reinforce.py`)."""

from reference_impls.configs.base import TopOneConfig, expert_width, loss_weight, setting
from reference_impls.entry import Entry


class ReinforceConfig(TopOneConfig):
    """One expert a token, drawn from a policy in training."""

    d_expert: int = expert_width(256)
    policy_coefficient: float = setting(1.0, "Weight of the policy's loss.", ge=0, le=1000)
    balance_coefficient: float = loss_weight(0.01, "the load-balancing loss of each layer")


ENTRIES = (
    Entry(
        key="reinforce",
        name="Reinforcement-learned router",
        summary="The choice of an expert is an action, drawn from the router's policy; REINFORCE rewards it by how "
        "well the token's target was predicted.",
        family="token choice",
        year=2022,
        designs=("reinforcement-learned-router",),
        papers=("unified-scaling-laws",),
        causal="yes",
        oracle="the exact gradient of the expected reward, by enumerating actions in float64; a float64 loop for "
        "outputs",
        deviations=(
            "baseline and scale of the rewards (mean and deviation of the batch) are this project's",
            "the balancing loss is Switch's, this project's choice",
            "experts in all layers",
        ),
        config_class=ReinforceConfig,
        gating="reinforce",
        gap="No source at hand says what baseline, exploration and balancing the paper's RL-R has.",
    ),
)
