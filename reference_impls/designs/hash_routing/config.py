"""Settings of hash layers."""

from typing import Literal, Self

from pydantic import model_validator

from reference_impls.config import TopKConfig, VocabularyConfig, expert_width, setting


class HashConfig(TopKConfig, VocabularyConfig):
    """The experts of a token are those that a table gives for its id."""

    d_expert: int = expert_width(256)
    experts_per_token: int = setting(
        1, "Experts that the table gives for each token id; at most n_experts.", ge=1, le=256
    )
    table: Literal["random", "balanced", "clustered"] = setting(
        "balanced",
        "How the table is made: drawn; frequent ids first, each to the expert with the least load; or ids of near "
        "vectors to the same expert.",
    )
    table_step: int = setting(
        5,
        "Steps of training over which ids are counted and their vectors averaged for a balanced or clustered table; "
        "a random table serves until then.",
        unit="steps",
        ge=1,
        le=100_000,
    )
    weights: Literal["equal", "learned"] = setting(
        "equal", "Weights of a token's experts: all the same, or from a learned gate as in DeepSeek-V4."
    )
    routed_scale: float = setting(1.0, "What learned weights of a token add up to.", gt=0, le=100)

    @model_validator(mode="after")
    def _one_weight_cannot_be_learned(self) -> Self:
        if self.weights == "learned" and self.experts_per_token == 1 and self.n_experts > 1:
            raise ValueError(
                "experts_per_token = 1 leaves no weight to be learned: normalised, it is always routed_scale; "
                "take two or more, or weights = 'equal'"
            )
        return self


LAYER = HashConfig
