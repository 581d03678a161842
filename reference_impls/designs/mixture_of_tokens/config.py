"""Settings of Mixture of Tokens."""

from typing import ClassVar

from reference_impls.config import LayerConfig, TaskDefaults, expert_count, setting


class MixtureOfTokensConfig(LayerConfig):
    """Experts work on one blend each of a group of tokens at the same position of different sequences."""

    expert_kind = "relu"
    task_defaults: ClassVar[TaskDefaults] = {
        # An expert has one blend a group, from which it cannot abstain: groups in which most clusters occur.
        "clusters": {"n_clusters": 16, "n_experts": 16, "group_size": 16,
            "temperature": 0.1,
        },
    }  # fmt: skip

    n_experts: int = expert_count(16)
    group_size: int = setting(
        8,
        "Sequences whose tokens at the same position are blended; the batch in order.",
        unit="sequences",
        ge=1,
        le=512,
    )
    temperature: float = setting(
        1.0, "What the logits are divided by: small blends one token, large all.", gt=0, le=100
    )

    @property
    def active_experts(self) -> float:
        """Blends are computed, not tokens: a token's share of the blends of a full group."""
        return self.n_experts / self.group_size

    def active_experts_of(self, sequences: int, tokens: int) -> float:
        """A smaller batch is one group."""
        return self.n_experts / min(self.group_size, sequences)


LAYER = MixtureOfTokensConfig
