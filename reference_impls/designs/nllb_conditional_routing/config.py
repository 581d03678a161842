"""Settings of NLLB's conditional routing between a shared feed-forward and a mixture."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from reference_impls.config import expert_width, loss_weight, setting
from reference_impls.designs.gshard_top2.config import GShardTop2Config


class NllbCmrConfig(GShardTop2Config):
    """A shared ReLU feed-forward beside a top-2 mixture, and a gate between the two."""

    d_expert: int = expert_width(128)
    run_defaults: ClassVar[Mapping[str, Any]] = {"moe_every": 1}
    second_policy_train: Literal["random", "always"] = setting(
        "always", "In training the second expert is used always, or with a probability that grows with its weight."
    )
    capacity_factor_eval: float = setting(
        8.0, "The same factor outside training; from n_experts on, nothing can be dropped.", gt=0, le=256
    )
    mixture_budget: float = setting(
        0.8, "Share of the mixture, mean over tokens, that the budget loss pulls the gate to.", ge=0, le=1
    )
    budget_coefficient: float = loss_weight(0.1, "the budget loss of each layer")
    gate_dropout: float = setting(
        0.0,
        "Probability in training with which a token's gate is set to zero, so that the shared network serves it "
        "alone; other gates are divided by the rest.",
        ge=0,
        lt=1,
    )

    @property
    def always_active_experts(self) -> int:
        """The shared network, as wide as an expert."""
        return 1


LAYER = NllbCmrConfig
