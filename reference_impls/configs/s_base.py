"""Settings of S-BASE (`gating/s_base.py`)."""

from typing import Literal

from reference_impls.configs.base import TopOneConfig, expert_width, setting
from reference_impls.entry import Entry


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


ENTRIES = (
    Entry(
        key="s-base",
        name="S-BASE (Sinkhorn)",
        summary="In training a token goes where a transport plan with equal loads sends most of it; else to its best.",
        family="assignment",
        year=2022,
        designs=("s-base-sinkhorn",),
        papers=("unified-scaling-laws",),
        causal="yes",
        oracle="POT: ot.sinkhorn; scipy: linear_sum_assignment in the limit; a float64 loop for outputs and gradients",
        deviations=(
            "a fixed number of steps in logarithms, where Megatron-LM iterates to a tolerance",
            "plans by sequence (or batch)",
            "experts in all layers",
        ),
        config_class=SBaseConfig,
        gating="s_base",
    ),
)
