"""Settings of Soft MoE."""

from typing import ClassVar

from reference_impls.config import AllExpertsConfig, DigitsConfig, TaskDefaults, setting


class SoftMoEConfig(DigitsConfig, AllExpertsConfig):
    """Soft MoE layers: every expert works on a few averages of the tokens of a sequence."""

    task_defaults: ClassVar[TaskDefaults] = {
        # Points of one cluster can share a slot only where they have the same label: so few points that most are alone
        # in their cluster, and logits that can tell clusters apart from the start.
        "clusters": {"n_clusters": 16, "n_experts": 16, "sequence_length": 8,
            "d_expert": 4, "initial_scale": 20.0,
        },
    }  # fmt: skip

    slots_per_expert: int = setting(
        2, "Averages of the tokens of a sequence that each expert works on.", unit="slots", ge=1, le=256
    )
    initial_scale: float = setting(1.0, "Where the learned scale of the logits begins.", gt=0, le=1000)

    def active_experts_of(self, sequences: int, tokens: int) -> float:
        """Slots are computed, not tokens: a token's share of the slots of its sequence."""
        return self.n_experts * self.slots_per_expert / tokens


LAYER = SoftMoEConfig
