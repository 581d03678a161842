"""Settings of MaxScore routing (`gating/maxscore.py`)."""

from typing import Literal

from reference_impls.configs.base import TopKConfig, loss_weight, setting
from reference_impls.configs.text_or_digits import TextOrDigitsConfig
from reference_impls.entry import Entry


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
        120,
        "Steps over which that factor falls in a straight line to 1.",
        unit="steps",
        ge=1,
        le=1_000_000,
    )
    balance_coefficient: float = loss_weight(0.01, "the load-balancing loss of each layer, on first choices")


ENTRIES = (
    Entry(
        key="maxscore",
        name="MaxScore",
        summary="All tokens of a group get k experts at once, at the greatest sum of scores that the experts' places "
        "allow: a minimum-cost maximum flow.",
        family="assignment",
        year=2025,
        designs=("maxscore-routing",),
        papers=("maxscore",),
        causal="no",
        oracle="scipy: linprog's optimum of the flow; networkx: max_flow_min_cost; a float64 loop for outputs and "
        "gradients",
        deviations=(
            "the whole flow is solved to its optimum; the authors' code gives first choices in order and solves for "
            "the second",
            "in place of the paper's SoftTopk stands the falling factor on second weights of the authors' code",
            "any number of experts a token",
            "a decoder-only model in which the design leaks in validation, too",
        ),
        config_class=MaxScoreConfig,
        gating="maxscore",
        gap="The paper names a SoftTopk operator; no source at hand defines it. What the authors' published code has "
        "in its place is built.",
    ),
)
