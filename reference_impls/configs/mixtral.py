"""Settings of Mixtral's dropless top-k routing (`gating/mixtral.py`)."""

from typing import Literal

from reference_impls.configs.base import TopKConfig, loss_weight, setting
from reference_impls.entry import Entry


class MixtralTop2Config(TopKConfig):
    """Mixtral layers: k SwiGLU experts a token, none dropped."""

    balance_coefficient: float = loss_weight(0.02, "the load-balancing loss of each layer")
    balance_convention: Literal["per-token", "per-assignment", "first-choice"] = setting(
        "per-token",
        "How the balancing loss counts: its value under perfect balance is experts_per_token "
        "(per-token) or 1 (per-assignment, first-choice).",
    )


ENTRIES = (
    Entry(
        key="mixtral-top2",
        name="Mixtral top-2",
        summary="Each token goes to its two experts of largest logit, weighted by a softmax over the two.",
        family="token choice",
        year=2024,
        designs=("mixtral-top2-router",),
        papers=("mixtral",),
        causal="yes",
        oracle="transformers: MixtralSparseMoeBlock and its load-balancing loss",
        deviations=(
            "the paper states no balancing loss; coefficient as in the released configuration, form as in "
            "transformers but taken layer by layer",
            "a byte-level model of a few layers with ordinary multi-head attention",
        ),
        config_class=MixtralTop2Config,
        gating="mixtral",
    ),
)
