"""Settings of self-contrast at inference."""

from typing import ClassVar

from reference_impls.config import FieldPairs, setting
from reference_impls.designs.mixtral_top2_router.config import MixtralTop2Config


class ScmoeConfig(MixtralTop2Config):
    """Mixtral layers; outside training the model's predictions are set against those of a weaker choice."""

    at_most: ClassVar[FieldPairs] = {"weak_rank": "n_experts"}

    weak_rank: int = setting(
        3,
        "The one expert of each token in the weak run: 1 is its best, 2 its second best; at most n_experts.",
        ge=1,
        le=256,
    )
    contrast: float = setting(
        0.5,
        "How much of the difference between strong and weak logits is added (0: the strong run alone).",
        ge=0,
        le=10,
    )
    plausible: float = setting(
        0.1,
        "Only what the strong run gives at least this part of its best probability takes part in the contrast.",
        gt=0,
        le=1,
    )


LAYER = ScmoeConfig
