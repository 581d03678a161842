"""Settings of DSelect-k's smooth selection."""

from typing import ClassVar

from reference_impls.config import TaskDefaults, TopKConfig, expert_width, loss_weight, setting


class DSelectKConfig(TopKConfig):
    """DSelect-k layers: k selectors, each of which converges to one ReLU expert by the bits of its number."""

    expert_kind = "relu"

    task_defaults: ClassVar[TaskDefaults] = {
        # There logits grow less: a narrower step, or the bits do not converge.
        "clusters": {"step_width": 1.0, "entropy_coefficient": 0.1}
    }

    d_expert: int = expert_width(192)
    experts_per_token: int = setting(
        2, "Selectors: experts of a token once all bits have converged; at most n_experts.", ge=1, le=256
    )
    step_width: float = setting(
        10.0,
        "Width of the interval in which the smooth step is neither 0 nor 1; smaller converges sooner.",
        gt=0,
        le=100,
    )
    entropy_coefficient: float = loss_weight(
        0.01, "the loss that makes each selector converge on one expert, in each layer"
    )
    reach_coefficient: float = setting(
        1.0,
        "Weight of the loss that keeps selectors from numbers that no expert has; plays only if n_experts is no "
        "power of 2.",
        ge=0,
        le=100,
    )

    @property
    def bits(self) -> int:
        """Bits of an expert's number."""
        return (self.n_experts - 1).bit_length()


LAYER = DSelectKConfig
