"""Settings of Mixture of Tokens."""

from typing import ClassVar

from reference_impls.configs.base import RunConfig, TaskDefaults, setting


class MixtureOfTokensConfig(RunConfig):
    """Experts work on one blend each of a group of tokens at the same position of different sequences."""

    expert_kind = "relu"
    task_defaults: ClassVar[TaskDefaults] = {
        # An expert has one blend a group, from which it cannot abstain: groups in which most clusters occur.
        "clusters": {"n_clusters": 16, "n_experts": 16, "group_size": 16,
            "temperature": 0.1,
        },
    }  # fmt: skip

    n_experts: int = setting(16, "Experts in each mixture-of-experts layer.", group="model", ge=1, le=256)
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
        """Blends are computed, not tokens: a token's share of the blends of its group."""
        return self.n_experts / min(self.group_size, self.batch_size)


CONFIG = MixtureOfTokensConfig
