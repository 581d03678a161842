"""Settings of the frozen random router."""

from typing import ClassVar

from reference_impls.config import FieldPairs, TopKConfig, setting


class RandomFrozenConfig(TopKConfig):
    """Top-k routing by weights that are drawn once and never trained."""

    at_most: ClassVar[FieldPairs] = {"first_experts_per_token": "experts_per_token"}

    experts_per_token: int = setting(
        2, "Experts that each token passes through, at the end of training and outside it; at most n_experts.",
        ge=1, le=256,
    )  # fmt: skip
    first_experts_per_token: int = setting(
        0,
        "Experts of a token at the start of training, from which their number rises in a straight line to "
        "experts_per_token, as in SMoE-Dropout (0: the same number all along).",
        ge=0,
        le=256,
    )


LAYER = RandomFrozenConfig
