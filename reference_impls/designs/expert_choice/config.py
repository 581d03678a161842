"""Settings of expert choice routing."""

from typing import Literal

from reference_impls.config import TextOrDigitsConfig, setting


class ExpertChoiceConfig(TextOrDigitsConfig):
    """Experts that choose their tokens."""

    capacity_factor: float = setting(
        2.0,
        "Experts that a token gets on average: each expert takes ceil(factor * tokens / n_experts) tokens of a group, "
        "at most all.",
        gt=0,
        le=256,
    )
    routing_group: Literal["sequence", "batch"] = setting(
        "sequence", "Tokens that compete for an expert: those of a sequence, or of the whole batch."
    )

    @property
    def active_experts(self) -> float:
        """The capacity factor; a token may get more or none."""
        return min(self.capacity_factor, self.n_experts)


LAYER = ExpertChoiceConfig
