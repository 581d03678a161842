"""Settings of a number of experts that depends on the input."""

from typing import ClassVar, Literal

from reference_impls.config import FieldPairs, LayerConfig, TaskDefaults, expert_width, loss_weight, setting


class InputDependentKConfig(LayerConfig):
    """Top-k with a k for each token, in proportion to how complex it is."""

    at_most: ClassVar[FieldPairs] = {"most_experts": "n_experts"}

    d_expert: int = expert_width(64)
    most_experts: int = setting(4, "Most experts that a token may take; at most n_experts.", ge=1, le=256)
    complexity: Literal["entropy", "norm"] = setting(
        "entropy",
        "What a token's complexity is: the entropy of its router probabilities in nats, or the root mean square of "
        "its coordinates (nearly the same for all tokens behind a norm).",
    )
    scale: float = setting(2.0, "Experts for each unit of complexity.", gt=0, le=100)
    balance_coefficient: float = loss_weight(0.02, "the load-balancing loss of each layer")
    task_defaults: ClassVar[TaskDefaults] = {
        "clusters": {"most_experts": 2, "balance_coefficient": 0.1, "learning_rate": 3e-2}
    }

    @property
    def active_experts(self) -> float:
        """The most that a token can take."""
        return self.most_experts


LAYER = InputDependentKConfig
