"""Settings of DynMoE's top-any gating."""

from typing import ClassVar

from reference_impls.config import FieldPairs, LayerConfig, TaskDefaults, expert_count, loss_weight, setting


class DynMoEConfig(LayerConfig):
    """Experts with thresholds, added and removed during training."""

    at_most: ClassVar[FieldPairs] = {"initial_experts": "n_experts"}

    n_experts: int = expert_count(8, "Places for experts in each MoE layer: the most there can be.")
    initial_experts: int = setting(4, "Experts in use before the first step; at most n_experts.", ge=1, le=256)
    adapt_every: int = setting(
        20,
        "After so many steps experts that no token used since are removed, and one is added if a token used none.",
        unit="steps",
        ge=1,
        le=100_000,
    )
    adapt_until: float = setting(
        0.75, "Share of the training after which experts are neither added nor removed.", ge=0, le=1
    )
    initial_scale: float = setting(
        10.0, "What cosines are multiplied by before the first step; it is learned, up to 100.", gt=0, le=100
    )
    gating_coefficient: float = loss_weight(0.01, "each layer's loss that keeps expert embeddings diverse and short")
    efficiency_coefficient: float = loss_weight(
        0.01, "each layer's share of experts in use: more, and tokens take fewer"
    )
    balance_coefficient: float = loss_weight(0.01, "the load-balancing loss of each layer")
    task_defaults: ClassVar[TaskDefaults] = {
        "clusters": {"n_experts": 16, "efficiency_coefficient": 0.8,
            "balance_coefficient": 0.05,
        },
    }  # fmt: skip

    @property
    def active_experts(self) -> float:
        """Half of the first experts, as thresholds begin where half of all directions pass; training changes it."""
        return max(self.initial_experts / 2, 1)


LAYER = DynMoEConfig
