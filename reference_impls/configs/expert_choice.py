"""Settings of expert choice routing (`gating/expert_choice.py`)."""

from typing import Literal

from reference_impls.configs.base import setting
from reference_impls.configs.text_or_digits import TextOrDigitsConfig
from reference_impls.entry import Entry


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


ENTRIES = (
    Entry(
        key="expert-choice",
        name="Expert choice",
        summary="Each expert takes the tokens that it scores highest, always the same number; a token may get several "
        "experts or none.",
        family="expert choice",
        year=2022,
        designs=("expert-choice",),
        papers=("expert-choice",),
        causal="no",
        oracle="a float64 loop from the equations, outputs and gradients",
        deviations=(
            "a decoder-only language model, in which the design leaks: the leak is measured, bits per byte are no "
            "evidence",
            "groups are sequences (or the batch)",
            "an expert's number of tokens is rounded up",
            "no upper limit of experts a token (the paper's variant with an entropy-regularised linear programme)",
        ),
        config_class=ExpertChoiceConfig,
        gating="expert_choice",
    ),
)
