"""Settings of BASE layers (`gating/base_layers.py`)."""

from typing import Literal

from reference_impls.configs.base import TopOneConfig, expert_width, setting
from reference_impls.entry import Entry


class BaseLayersConfig(TopOneConfig):
    """One expert a token, by a balanced assignment in training and by the best affinity outside."""

    d_expert: int = expert_width(256)
    routing_group: Literal["sequence", "batch"] = setting(
        "sequence", "Tokens that are assigned together: each sequence alone, or the whole batch."
    )


ENTRIES = (
    Entry(
        key="base",
        name="BASE layers",
        summary="In training tokens are assigned to experts at the greatest sum of affinities under an equal load; "
        "outside each token takes its best expert.",
        family="assignment",
        year=2021,
        designs=("base-assignment",),
        papers=("base-layer",),
        causal="yes",
        oracle="scipy: linear_sum_assignment's optimum; assignments tried one by one; a float64 loop for outputs and "
        "gradients",
        deviations=(
            "an exact solver for few experts in place of the authors' auction",
            "experts replace feed-forwards; the authors add a layer of stacked blocks to the model",
            "tokens are assigned by sequence (or batch), not shuffled among devices",
            "loads differ by one where experts do not divide the tokens",
        ),
        config_class=BaseLayersConfig,
        gating="base_layers",
    ),
)
