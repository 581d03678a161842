"""Settings of Mixture of Tokens (`gating/mixture_of_tokens.py`)."""

from typing import ClassVar

from reference_impls.configs.base import RunConfig, TaskDefaults, setting
from reference_impls.entry import Entry


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


ENTRIES = (
    Entry(
        key="mixture-of-tokens",
        name="Mixture of Tokens",
        summary="Tokens at one position of several sequences are blended for each expert, so order is kept.",
        family="soft",
        year=2023,
        designs=("mixture-of-tokens",),
        papers=("mixture-of-tokens",),
        causal="yes",
        oracle="the equations in a float64 loop; the layout of the authors' code in dense matrices",
        deviations=(
            "a group that the batch does not fill is blended as it is, without the authors' rescaling",
            "the transition to a sparse mixture is left out",
            "a byte-level model of a few layers with ordinary multi-head attention",
        ),
        config_class=MixtureOfTokensConfig,
        gating="mixture_of_tokens",
        beyond="every token depends on all experts, each at a share of the cost",
    ),
)
